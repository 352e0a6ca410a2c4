import type { DialRequest, DialResponse } from '../../model/ports.ts'

/** RFC 9110, section 15.4: those that say where else to ask. */
const REDIRECTS = new Set([301, 302, 303, 307, 308])
/** Methods that change nothing, so that to ask again elsewhere is the same wish. */
const SAFE = new Set(['GET', 'HEAD'])
const LOCATION_CHARACTERS_MAX = 2048

export interface Redirect {
  /** Where the answer points, absolute. Nobody has judged it yet. */
  url: string
  /** The gateway goes on by itself, if a new decision lets it. */
  followed: boolean
}

/** What a response to a request asks for; undefined when it is no redirect, or one that leads nowhere. */
export function redirectOf({ url, method }: Pick<DialRequest, 'url' | 'method'>, { status, headers }: DialResponse): Redirect | undefined {
  const { location } = headers
  if (!REDIRECTS.has(status) || location === undefined || location.length > LOCATION_CHARACTERS_MAX) return undefined
  const target = URL.parse(location, url)
  return target === null ? undefined : { url: target.href, followed: SAFE.has(method) }
}
