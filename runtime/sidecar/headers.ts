/** RFC 9110, section 7.6.1: about one connection, and so never for the next one. */
const HOP_BY_HOP = new Set([
  'connection',
  'keep-alive',
  'proxy-authenticate',
  'proxy-authorization',
  'proxy-authentication-info',
  'proxy-connection',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
])
/** Said anew for the next connection; `expect` was answered here. */
const OF_THE_REQUEST = new Set(['host', 'content-length', 'expect'])
/** The gateway tells of a redirect in `aegis-location`. These would lead an agent's client past the doors, by itself. */
const OF_THE_ANSWER = new Set(['content-length', 'location', 'refresh', 'alt-svc'])

export type Headers = Record<string, string | string[] | undefined>

/**
 * What goes on to the gateway, in order and as often as it came: the gateway refuses an identity header that comes twice, and must get to see it.
 * @param raw names and values in turn, as Node's `rawHeaders`
 */
export function requestHeaders(raw: readonly string[]): string[] {
  const pairs = raw.flatMap((name, i): [string, string][] => (i % 2 === 0 ? [[name, raw[i + 1] ?? '']] : []))
  const listed = named(pairs.flatMap(([name, value]) => (name.toLowerCase() === 'connection' ? [value] : [])))
  return pairs.filter(([name]) => passes(name.toLowerCase(), listed, OF_THE_REQUEST)).flat()
}

/** What goes back to the agent. */
export function answerHeaders(headers: Headers): Headers {
  const listed = named([headers.connection ?? []].flat())
  return Object.fromEntries(Object.entries(headers).filter(([name]) => passes(name, listed, OF_THE_ANSWER)))
}

function passes(name: string, listed: ReadonlySet<string>, besides: ReadonlySet<string>): boolean {
  return !HOP_BY_HOP.has(name) && !listed.has(name) && !besides.has(name)
}

/** Names that `Connection` lists: they are for this connection too. */
function named(values: readonly string[]): ReadonlySet<string> {
  return new Set(values.flatMap((value) => value.split(',')).map((name) => name.trim().toLowerCase()))
}
