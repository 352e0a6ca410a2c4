import { isIP } from 'node:net'
import type { ActiveAgent } from '../../policy/bundle-data.ts'
import { isPublicAddress } from './public-address.ts'

/** Where the arguments of a call say that it goes. */
export interface Destination {
  /** What is dialled: canonical, without fragment. */
  url: URL
  /** Lower-case ASCII labels, internationalized ones as `xn--`, without a trailing dot. */
  host: string
  /** Null: outside every zone. */
  zone: string | null
  port: number
}

export type DestinationFound =
  | { ok: true; destination: Destination }
  | { ok: false; code: 'egress_not_allowed' | 'egress_private_address'; message: string }

/** Longer ones are refused: servers and proxies cut them at different places. */
const CHARACTERS_MAX = 2048
const HTTPS_PORT = 443

/**
 * Reads a destination as the WHATWG URL Standard does, which is how it is dialled, and refuses what other readers take for another host.
 * No name is resolved: an address in any spelling is judged as it stands, a name only by the agent's list.
 *
 * @param egress hosts that the agent's document lists
 */
export function destinationOf(text: string, egress: ActiveAgent['egress']): DestinationFound {
  const url = read(text)
  if (url === undefined) return notAllowed('the destination is not a URL')
  const literal = addressIn(url)
  if (literal !== undefined && !isPublicAddress(literal))
    return { ok: false, code: 'egress_private_address', message: 'the destination is an address that is not public' }
  if (url.protocol !== 'https:') return notAllowed('the destination is not reached by https')
  if (!isPlain(text, url)) return notAllowed('the destination is written in a way that readers of URLs disagree about')
  if (literal !== undefined) return notAllowed('the destination is an address and not a listed name')
  if (url.port !== '') return notAllowed('the destination has a port of its own')
  const listed = egress.filter(({ host }) => host === url.hostname)
  const zone = listed[0]?.zone
  if (zone === undefined) return notAllowed('the destination is not on the allowlist of the agent')
  // Listed in two zones, nobody knows which one the data goes to: outside both.
  const agreed = listed.every((entry) => entry.zone === zone) ? zone : null
  return { ok: true, destination: { url, host: url.hostname, zone: agreed, port: HTTPS_PORT } }
}

/** The canonical form of a text that `destinationOf` may accept; undefined for every other. */
export function canonicalUrl(text: string): URL | undefined {
  const url = read(text)
  return url !== undefined && url.protocol === 'https:' && isPlain(text, url) ? url : undefined
}

function read(text: string): URL | undefined {
  const url = text.length > CHARACTERS_MAX ? null : URL.parse(text)
  if (url === null) return undefined
  // `host.` is the same name, said to be complete (RFC 1034, section 3.1). Certificates and lists know it without the dot.
  url.hostname = url.hostname.replace(/\.$/, '')
  url.hash = ''
  return url
}

/** The WHATWG parser has by now turned octal, hexadecimal, short and full-width spellings into one. */
function addressIn({ hostname }: URL): string | undefined {
  const bare = hostname.replace(/^\[(.*)\]$/, '$1')
  return isIP(bare) === 0 ? undefined : bare
}

/** Control, formatting and private characters, spaces of every kind, and the backslash that some readers take for a slash. */
const UNPLAIN = /[\p{C}\p{Z}\\]/u
/** Scheme, two slashes and no third, then the authority (RFC 3986, section 3.2). */
const AUTHORITY = /^https:\/\/([^/?#]+)/i

/** True when scheme and authority stand there in full, and say only a host and perhaps a port. */
function isPlain(text: string, url: URL): boolean {
  const authority = AUTHORITY.exec(text)?.[1]
  if (authority === undefined || UNPLAIN.test(text)) return false
  return !/[@%]/.test(authority) && url.username === '' && url.password === ''
}

function notAllowed(message: string): DestinationFound {
  return { ok: false, code: 'egress_not_allowed', message }
}
