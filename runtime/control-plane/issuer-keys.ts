import type { Issuer } from '../policy/directory.ts'

export interface IssuerFacts {
  /** What the region's KMS says now; undefined when it does not answer. */
  asked: Issuer | undefined
  /** What was published last. */
  known: Issuer | undefined
  /** Keys that must never be listed again, by `kid`. */
  removed: readonly string[]
  /** The region has the newest release, so it signs with the newest key that this lists. */
  confirmed: boolean
  nowMs: number
  /** How long a key stays after its successor was seen: the longest life of a token, clock skew and propagation. */
  overlapMs: number
}

/** More keys than this are not listed: the oldest go first. */
const KEYS_MAX = 16

/**
 * An issuer as the next directory lists it. The key that KMS gives now comes first; the one before it stays until all its tokens
 * have ended, and a key that was removed stays away whatever KMS says.
 * @returns undefined when nobody has ever known the region's key
 */
export function nextIssuer({ asked, known, removed, confirmed, nowMs, overlapMs }: IssuerFacts): Issuer | undefined {
  const about = asked ?? known
  if (about === undefined) return undefined
  const listed = (issuer: Issuer | undefined) => (issuer?.keys ?? []).filter(({ kid }) => !removed.includes(kid))
  const current = asked === undefined ? listed(known).filter(({ kid }) => known?.retiring?.[kid] === undefined) : listed(asked)
  const earlier = listed(known).filter(({ kid }) => current.every((key) => key.kid !== kid))
  const leaves = (kid: string) => {
    const atMs = known?.retiring?.[kid] ?? nowMs + overlapMs
    // A region that has not heard of the new key still signs with the old one.
    return atMs <= nowMs && !confirmed ? nowMs + overlapMs : atMs
  }
  const staying = earlier.filter(({ kid }) => leaves(kid) > nowMs).slice(0, KEYS_MAX - current.length)
  return {
    iss: about.iss,
    region: about.region,
    zone: about.zone,
    keys: [...current, ...staying],
    ...(staying.length > 0 && { retiring: Object.fromEntries(staying.map(({ kid }) => [kid, leaves(kid)])) }),
    ...(removed.length > 0 && { removed: [...removed] }),
  }
}
