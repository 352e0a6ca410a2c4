import { randomInt } from 'node:crypto'
import { createSocket } from 'node:dgram'
import dnsPacket, { type DecodedPacket } from 'dns-packet'
import { encodeQuery } from '../dns/wire.ts'
import type { AddressPlan } from '../wan/addresses.ts'

export interface AuthoritativeAnswer {
  rcode: string
  answers: { name: string; type: string; ttl_s: number; data: string }[]
  /** Serving regions whose name or load balancer stands in the answer. */
  regions: string[]
}

export interface Authority {
  dnsPort: number
  plan: AddressPlan
  /** Region by its public name. */
  regionOfName: (name: string) => string | undefined
}

const TIMEOUT_MS = 1000

/**
 * What the fabric's DNS answers for an address of a name, asked from a place, with no cache in between.
 * @throws Error when the place is unknown or no answer comes
 */
export async function askAuthority(name: string, place: string, { dnsPort, plan, regionOfName }: Authority): Promise<AuthoritativeAnswer> {
  const subnet = plan.places.find(({ id }) => id === place)?.subnet
  if (subnet === undefined) throw new Error(`no place ${JSON.stringify(place)}, there are ${plan.places.map(({ id }) => id).join(', ')}`)
  const id = randomInt(0x10000)
  const packet = await exchange(id, encodeQuery(id, name, 'A', subnet), dnsPort)
  const records = (packet.answers ?? []) as { name: string; type: string; ttl?: number; data: unknown }[]
  const answers = records.map(({ name: owner, type, ttl = 0, data }) => ({ name: owner, type, ttl_s: ttl, data: String(data) }))
  const regions = answers.flatMap(({ name: owner, type, data }) => {
    const found = type === 'A' ? [plan.placeOf(data), regionOfName(owner)] : [regionOfName(owner), regionOfName(data)]
    return found.filter((region) => region !== undefined)
  })
  return { rcode: RCODES[(packet.flags ?? 0) & 0xf] ?? `RCODE${(packet.flags ?? 0) & 0xf}`, answers, regions: [...new Set(regions)] }
}

const RCODES = ['NOERROR', 'FORMERR', 'SERVFAIL', 'NXDOMAIN', 'NOTIMP', 'REFUSED']

function exchange(id: number, query: Buffer, port: number): Promise<DecodedPacket> {
  return new Promise((resolve, reject) => {
    const socket = createSocket('udp4')
    const timer = setTimeout(() => settle(() => reject(new Error(`the fabric's DNS did not answer in ${TIMEOUT_MS} ms`))), TIMEOUT_MS)
    const settle = (finish: () => void) => {
      clearTimeout(timer)
      socket.close()
      finish()
    }
    socket.once('error', (error) => settle(() => reject(error)))
    socket.on('message', (bytes) => {
      const packet = dnsPacket.decode(bytes)
      if (packet.id === id) settle(() => resolve(packet))
    })
    socket.send(query, port, '127.0.0.1')
  })
}
