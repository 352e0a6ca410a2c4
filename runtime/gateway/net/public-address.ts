import { isIP } from 'node:net'
import ipaddr from 'ipaddr.js'

// A resolver hands out the same list for as long as an answer lives, and the check is a tenth of a decision: once a list.
const judged = new WeakMap<readonly string[], boolean>()

/** True when every address is public: one bad answer beside good ones is enough to reach it. */
export function arePublic(addresses: readonly string[]): boolean {
  const known = judged.get(addresses)
  if (known !== undefined) return known
  const answer = addresses.every(isPublicAddress)
  judged.set(Object.freeze(addresses), answer)
  return answer
}

/** What IANA has opened of IPv6. Elsewhere are forms such as `::7f00:1`, which some systems read as 127.0.0.1. */
const GLOBAL_UNICAST_V6 = ipaddr.IPv6.parseCIDR('2000::/3')

/**
 * True for a globally routable unicast address (IANA special-purpose registries, RFC 6890).
 * @param text an address as resolvers write it: no port, no brackets, no zone id, four decimal numbers in IPv4
 */
export function isPublicAddress(text: string): boolean {
  // An address with a zone id says which link it is on, and `0177.0.0.1` means another host to each reader.
  if (isIP(text) === 0 || text.includes('%')) return false
  const address = ipaddr.process(text)
  if (address.range() !== 'unicast') return false
  return !(address instanceof ipaddr.IPv6) || address.match(GLOBAL_UNICAST_V6)
}
