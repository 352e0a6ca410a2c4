import type { Dialer, DialResponse, Resolver } from '../../model/ports.ts'
import { arePublic } from './public-address.ts'

/** What the gateway itself asks of the world, beside the calls that it forwards: through the same resolver, guard and proxy as those. */
export interface Outbound {
  /** @returns the parsed body of a 200. Rejects on anything else */
  fetchJson(url: string): Promise<unknown>
  /** @returns the status that a POST was answered with */
  send(url: string, headers: Record<string, string>, body: string): Promise<number>
}

const TIMEOUT_MS = 5000
const RESPONSE_BYTES_MAX = 256 * 1024

export function outbound({ resolver, dialer }: { resolver: Resolver; dialer: Dialer }): Outbound {
  const ask = async (
    text: string,
    request: { method: string; headers: Record<string, string>; body?: Uint8Array },
  ): Promise<DialResponse> => {
    const url = new URL(text)
    const addresses = await resolver.resolve(url.hostname)
    if (addresses.length === 0 || !arePublic(addresses)) throw new Error(`${url.hostname} has no public address`)
    return dialer.dial({ url, ...request, addresses, timeoutMs: TIMEOUT_MS, maxResponseBytes: RESPONSE_BYTES_MAX })
  }
  return {
    async fetchJson(url) {
      const { status, body } = await ask(url, { method: 'GET', headers: { accept: 'application/json' } })
      if (status !== 200) throw new Error(`${url} answered ${status}`)
      return JSON.parse(Buffer.from(body).toString())
    },
    async send(url, headers, body) {
      return (await ask(url, { method: 'POST', headers, body: Buffer.from(body) })).status
    },
  }
}
