import { Resolver as DnsResolver } from 'node:dns/promises'
import type { Clock, Resolver } from '../../model/ports.ts'

export interface ResolverOptions {
  /** `ip:port` of the servers to ask. Default: the system's. */
  servers?: readonly string[] | undefined
  clock: Clock
  timeoutMs?: number
  /** Longest time that an answer is kept, whatever its TTL. */
  maxTtlMs?: number
  maxEntries?: number
}

interface Answer {
  addresses: readonly string[]
  expiresAt: number
}

const NO_SUCH_NAME = new Set(['ENOTFOUND', 'ENODATA'])

/**
 * Resolves A and AAAA and keeps an answer for its TTL. /etc/hosts is not read: what it says of a tool's name is not
 * what the world says. A name is asked for once at a time, however many calls wait.
 */
export function dnsResolver({ servers, clock, timeoutMs = 1000, maxTtlMs = 60_000, maxEntries = 10_000 }: ResolverOptions): Resolver {
  const dns = new DnsResolver({ timeout: timeoutMs, tries: 2 })
  if (servers !== undefined) dns.setServers([...servers])
  const answers = new Map<string, Answer>()
  const underway = new Map<string, Promise<readonly string[]>>()

  const ask = async (host: string) => {
    const [v4, v6] = await Promise.all([records(dns.resolve4(host, { ttl: true })), records(dns.resolve6(host, { ttl: true }))])
    const all = [...v4, ...v6]
    const ttlMs = Math.min(maxTtlMs, ...all.map(({ ttl }) => ttl * 1000))
    const addresses = all.map(({ address }) => address)
    if (answers.size >= maxEntries) answers.delete(answers.keys().next().value ?? '')
    if (addresses.length > 0 && ttlMs > 0) answers.set(host, { addresses, expiresAt: clock.monotonic() + ttlMs })
    return addresses
  }

  return {
    resolve(host) {
      const known = answers.get(host)
      if (known !== undefined && known.expiresAt > clock.monotonic()) return Promise.resolve(known.addresses)
      answers.delete(host)
      const waiting = underway.get(host) ?? ask(host).finally(() => underway.delete(host))
      underway.set(host, waiting)
      return waiting
    },
  }
}

async function records(asked: Promise<{ address: string; ttl: number }[]>) {
  try {
    return await asked
  } catch (error) {
    if (NO_SUCH_NAME.has((error as NodeJS.ErrnoException).code ?? '')) return []
    throw error
  }
}
