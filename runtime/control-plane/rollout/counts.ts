import { z } from 'zod'
import type { FleetReport, RevisionCounts } from '../../state/fleet.ts'

const count = z.number().min(0)

/** What the gateways of one region decided by one revision, all processes together. */
export const countsSchema = z.strictObject({
  calls: count,
  denies: count,
  faults: count,
  /** Calls by the time to their verdict, as gateways report it. */
  durationUs: z.array(z.tuple([z.number().nullable(), count])),
  /** Of the comparison with the other revision. */
  compared: count,
  newDenies: count,
  comparisonFaults: count,
})
export type Counts = z.output<typeof countsSchema>

export const NO_COUNTS: Counts = { calls: 0, denies: 0, faults: 0, durationUs: [], compared: 0, newDenies: 0, comparisonFaults: 0 }

/** By revision, over the processes of a region. */
export function countsOf(reports: readonly FleetReport[], revision: string): Counts {
  return reports.map((report) => ofReport(report, revision)).reduce(sum, NO_COUNTS)
}

function ofReport({ aegis: { revisions, comparison } }: FleetReport, revision: string): Counts {
  const decided: RevisionCounts | undefined = revisions[revision]
  const compared = comparison?.revision === revision ? comparison : undefined
  return {
    calls: decided?.calls ?? 0,
    denies: decided?.deny ?? 0,
    faults: decided?.faults ?? 0,
    durationUs: decided?.duration_us ?? [],
    compared: compared?.compared ?? 0,
    newDenies: compared?.new_denies ?? 0,
    comparisonFaults: compared?.faults ?? 0,
  }
}

export function sum(one: Counts, other: Counts): Counts {
  return combined(one, other, (a, b) => a + b)
}

/** What came since. A process that started anew counts from 0 again: what it had before is then not known, and nothing is below 0. */
export function since(now: Counts, before: Counts): Counts {
  return combined(now, before, (a, b) => Math.max(0, a - b))
}

function combined(one: Counts, other: Counts, by: (a: number, b: number) => number): Counts {
  const bounds = [...new Set([...one.durationUs, ...other.durationUs].map(([bound]) => bound))].sort(byBound)
  const callsAt = ({ durationUs }: Counts, bound: number | null) => durationUs.find(([one]) => one === bound)?.[1] ?? 0
  return {
    calls: by(one.calls, other.calls),
    denies: by(one.denies, other.denies),
    faults: by(one.faults, other.faults),
    durationUs: bounds.map((bound) => [bound, by(callsAt(one, bound), callsAt(other, bound))]),
    compared: by(one.compared, other.compared),
    newDenies: by(one.newDenies, other.newDenies),
    comparisonFaults: by(one.comparisonFaults, other.comparisonFaults),
  }
}

const byBound = (a: number | null, b: number | null) => (a ?? Number.POSITIVE_INFINITY) - (b ?? Number.POSITIVE_INFINITY)

/** The time, in microseconds, that `share` of the calls took at most: the upper bound of the bucket it falls in. Undefined without calls. */
export function durationAt({ durationUs }: Pick<Counts, 'durationUs'>, share: number): number | undefined {
  const total = durationUs.reduce((all, [, calls]) => all + calls, 0)
  if (total === 0) return undefined
  let reached = 0
  for (const [bound, calls] of durationUs) {
    reached += calls
    if (reached >= share * total) return bound ?? Number.POSITIVE_INFINITY
  }
  return Number.POSITIVE_INFINITY
}
