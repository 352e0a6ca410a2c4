import { isPlaceholder, type TrustRoot } from '../../../config/trust.ts'

type PublicKey = TrustRoot['keys'][number]

export interface TrustMerge {
  /** What the file has; undefined when there is none. */
  before: TrustRoot | undefined
  /** The key that signs now. */
  current: PublicKey
  /** The key that will sign after it, while they rotate. */
  next?: PublicKey | undefined
  /** Keep nothing but these. */
  replace: boolean
}

/** `keys`: the file's new content; `added` and `dropped`: key ids. `refusal`: why nothing may be written. */
export type MergedTrust = { keys: readonly PublicKey[]; added: readonly string[]; dropped: readonly string[] } | { refusal: string }

/** The current and the next. */
const KEYS_MAX = 2

/**
 * The trust root with the keys that AWS has. A key that is there stays: gateways that run may have nothing signed by another one, so it goes only when
 * somebody says so.
 */
export function mergeTrust({ before, current, next, replace }: TrustMerge): MergedTrust {
  const held = before === undefined || isPlaceholder(before) ? [] : before.keys
  const found = next === undefined || next.kid === current.kid ? [current] : [current, next]
  const kept = replace ? held.filter((key) => isIn(found, key)) : held
  const keys = [...kept, ...found.filter((key) => !isIn(kept, key))]
  if (keys.length > KEYS_MAX) {
    const old = held.filter((key) => !isIn(found, key)).map(({ kid }) => kid)
    return {
      refusal: `gateways may still believe ${old.join(' and ')}, and a trust root has two keys at most: when no gateway serves what it has signed, pin with --replace`,
    }
  }
  return {
    keys,
    added: keys.filter((key) => !isIn(held, key)).map(({ kid }) => kid),
    dropped: held.filter((key) => !isIn(keys, key)).map(({ kid }) => kid),
  }
}

/** The same point: a key that was written by hand may have another id. */
function isIn(keys: readonly PublicKey[], { x, y }: PublicKey): boolean {
  return keys.some((key) => key.x === x && key.y === y)
}

/** A hosted zone is made once. Another id than the pinned one means another account, or a zone that was made anew. */
export function zoneRefusal(pinned: string | undefined, found: string, replace: boolean): string | undefined {
  if (pinned === undefined || pinned === found || replace) return undefined
  return `the hosted zone is ${found}, and ${pinned} is pinned: when the old one is given up, pin with --replace`
}
