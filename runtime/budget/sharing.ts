import type { Slice } from '../state/slice.ts'
import type { Want } from '../state/vouchers.ts'
import type { Ledger } from './ledger.ts'

// Who asks for how much and who gives it. None of this can overspend: that is up to the slices. It only decides how well a budget
// follows its calls.

/** A refused call is a reason to ask for so long. */
const URGENT_MS = 5_000
/** A budget that nobody has used for so long needs nothing. */
const USED_MS = 60_000

/** What a region wants for a budget in the period of today: what a refused call lacked, else its grant back once half of it is gone. */
export function wish(
  { key, slice, lastUsedMs, refused, available }: Ledger,
  period: string,
  nowMs: number,
): Pick<Want, 'amount' | 'urgent'> | undefined {
  if (slice === undefined || key.period !== period || nowMs - lastUsedMs > USED_MS) return undefined
  if (refused !== undefined && nowMs - refused.atMs < URGENT_MS) {
    // What has come since is kept for the call to come again: the urgent wish stands until it is old, and no other takes its place.
    const lacking = refused.lacking - slice.free
    return lacking > 0 ? { amount: lacking, urgent: true } : undefined
  }
  const left = slice.free + available
  return left < slice.granted / 2 ? { amount: slice.granted - left, urgent: false } : undefined
}

/**
 * What a region gives for another's wish, at most what is free. For a refused call all of it, unless calls were refused here too: then only
 * one of both directions is open, so that two regions which are short do not pass the rest to and fro. Otherwise what is over half of
 * its grant: so it never gives what it would have to ask for itself.
 */
export function donation(
  { amount, urgent }: Pick<Want, 'amount' | 'urgent'>,
  { free, granted }: Pick<Slice, 'free' | 'granted'>,
  { ownNeed, goesFirst }: { ownNeed: boolean; goesFirst: boolean },
): number {
  if (urgent) return ownNeed && !goesFirst ? 0 : Math.min(amount, free)
  return Math.max(0, Math.min(amount, free - Math.ceil(granted / 2)))
}
