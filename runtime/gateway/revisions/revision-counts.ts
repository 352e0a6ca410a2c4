import type { Outcome, Reason } from '../../model/verdict.ts'
import type { RevisionCounts } from '../../state/fleet.ts'

/** What each loaded revision decided in this process. */
export interface RevisionCounter {
  /** A verdict, with the time from the call's arrival to it. A few lookups: it is on the way of every call. */
  verdict(revision: string, verdict: { decision: Outcome; reasons: readonly Reason[] }, durationMs: number): void
  /** A call that ended without a verdict because a stage failed. */
  failed(revision: string, durationMs: number): void
  counts(): Record<string, RevisionCounts>
  /** Forgets all other revisions. */
  keep(revisions: readonly string[]): void
}

/** Upper bounds in microseconds: fine where decisions are, so that a tenth more shows. */
const BOUNDS_US = [
  50, 75, 100, 150, 200, 300, 400, 600, 800, 1000, 1500, 2000, 3000, 4000, 6000, 8000, 10_000, 15_000, 20_000, 50_000, 100_000, 500_000,
]

interface Tally extends Omit<RevisionCounts, 'duration_us'> {
  /** By bound, and one more for what is above all. */
  durations: number[]
}

export function revisionCounter(): RevisionCounter {
  const tallies = new Map<string, Tally>()

  const tallyOf = (revision: string): Tally => {
    const known = tallies.get(revision)
    if (known !== undefined) return known
    const fresh = {
      calls: 0,
      allow: 0,
      deny: 0,
      sanitize: 0,
      approval_needed: 0,
      faults: 0,
      durations: new Array<number>(BOUNDS_US.length + 1).fill(0),
    }
    tallies.set(revision, fresh)
    return fresh
  }

  const count = (tally: Tally, durationMs: number) => {
    tally.calls++
    const bucket = bucketOf(durationMs * 1000)
    tally.durations[bucket] = (tally.durations[bucket] ?? 0) + 1
  }

  return {
    verdict(revision, { decision, reasons }, durationMs) {
      const tally = tallyOf(revision)
      count(tally, durationMs)
      tally[decision]++
      if (decision === 'deny' && reasons.some(isFault)) tally.faults++
    },
    failed(revision, durationMs) {
      const tally = tallyOf(revision)
      count(tally, durationMs)
      tally.faults++
    },
    counts: () => Object.fromEntries([...tallies].map(([revision, tally]) => [revision, shown(tally)])),
    keep(revisions) {
      for (const revision of tallies.keys()) if (!revisions.includes(revision)) tallies.delete(revision)
    },
  }
}

/** Policy could not be evaluated, or a stage threw: the call was denied, and nobody meant it to be. */
export function isFault({ code }: Reason): boolean {
  return code === 'policy_error' || code === 'stage_error'
}

function bucketOf(durationUs: number): number {
  let low = 0
  let high = BOUNDS_US.length
  while (low < high) {
    const middle = (low + high) >> 1
    if (durationUs <= (BOUNDS_US[middle] ?? 0)) high = middle
    else low = middle + 1
  }
  return low
}

function shown({ durations, ...counts }: Tally): RevisionCounts {
  return { ...counts, duration_us: durations.map((calls, bucket) => [BOUNDS_US[bucket] ?? null, calls]) }
}
