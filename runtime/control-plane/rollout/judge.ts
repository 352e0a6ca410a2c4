import { type Counts, durationAt, since } from './counts.ts'

/** When a release is taken back without asking anybody. */
export interface AbortLimits {
  /** New denies of compared calls, in percent. */
  maxNewDenyPercent: number
  /** More denies or faults of all calls than before, in percentage points, beyond what chance explains. */
  maxRisePercent: number
  /** Fewer new denies than this are no surge. */
  minNewDenies: number
  /** Fewer calls than this on either side say nothing about shares. */
  minCalls: number
  /** The slowest hundredth of the calls may take so many times as long as before. */
  maxP99Ratio: number
  /** And is not looked at below so many calls, or while it stays under so many microseconds. */
  minCallsForP99: number
  p99FloorUs: number
}

/** What a region showed: by the old revision before, and by the new one since the stage began. */
export interface RegionEvidence {
  region: string
  before: Counts
  now: Counts
  mark: Counts
}

export type Judgement = { ok: true } | { ok: false; why: string }

/**
 * Whether what a region has shown by the new revision is worse than what the same region showed before. Pure. Where both revisions judged
 * the same calls (shadow, canary) the comparison is exact; otherwise shares are compared, and a rise has to pass what chance explains:
 * three standard errors of the difference of two proportions (e.g. Agresti, Categorical Data Analysis, 3.1.1).
 */
export function judgeRegion({ region, before, now, mark }: RegionEvidence, limits: AbortLimits): Judgement {
  const fresh = since(now, mark)
  return (
    firstOf(
      [
        () => newDenies(fresh, limits),
        () =>
          fresh.comparisonFaults > 0 ? `judging by it failed for ${fresh.comparisonFaults} of ${fresh.compared} compared calls` : undefined,
        () => faults(before, fresh, limits),
        // Compared calls tell exactly what would be denied newly; the share of all denies only stands in where nothing was compared.
        () =>
          fresh.compared >= limits.minCalls
            ? undefined
            : rise('denies', { calls: before.calls, hits: before.denies }, { calls: fresh.calls, hits: fresh.denies }, limits),
        () => slower(before, fresh, limits),
      ].map((check) => prefixed(region, check)),
    ) ?? { ok: true }
  )
}

function newDenies({ compared, newDenies: denied }: Counts, { maxNewDenyPercent, minNewDenies }: AbortLimits): string | undefined {
  const percent = compared === 0 ? 0 : (100 * denied) / compared
  if (denied < minNewDenies || percent <= maxNewDenyPercent) return undefined
  return `${denied} of ${compared} compared calls would newly be denied (${percent.toFixed(1)} %, at most ${maxNewDenyPercent} % may)`
}

interface Share {
  calls: number
  hits: number
}

function rise(what: string, before: Share, after: Share, { maxRisePercent, minCalls, minNewDenies }: AbortLimits): string | undefined {
  if (after.calls < minCalls || after.hits < minNewDenies || before.calls < minCalls) return undefined
  const was = before.hits / before.calls
  const is = after.hits / after.calls
  const pooled = (before.hits + after.hits) / (before.calls + after.calls)
  const error = Math.sqrt(pooled * (1 - pooled) * (1 / before.calls + 1 / after.calls))
  if (is - was <= maxRisePercent / 100 + 3 * error) return undefined
  return `${what}: ${(100 * is).toFixed(1)} % of ${after.calls} calls, ${(100 * was).toFixed(1)} % of ${before.calls} before`
}

/** Policy that fails is wrong whatever was before; where nothing is known from before it is held against none. */
function faults(before: Counts, after: Counts, limits: AbortLimits): string | undefined {
  if (before.calls >= limits.minCalls)
    return rise('faults of policy', { calls: before.calls, hits: before.faults }, { calls: after.calls, hits: after.faults }, limits)
  const percent = (100 * after.faults) / Math.max(1, after.calls)
  return after.faults >= limits.minNewDenies && percent > limits.maxRisePercent
    ? `faults of policy: ${after.faults} of ${after.calls} calls`
    : undefined
}

function slower(before: Counts, after: Counts, { maxP99Ratio, minCallsForP99, p99FloorUs }: AbortLimits): string | undefined {
  if (before.calls < minCallsForP99 || after.calls < minCallsForP99) return undefined
  const [was, is] = [durationAt(before, 0.99), durationAt(after, 0.99)]
  if (was === undefined || is === undefined || is <= p99FloorUs || is <= was * maxP99Ratio) return undefined
  return `99 % of calls took up to ${milliseconds(is)}, ${milliseconds(was)} before`
}

const milliseconds = (us: number) => (Number.isFinite(us) ? `${(us / 1000).toFixed(1)} ms` : 'longer than is measured')

const prefixed = (region: string, check: () => string | undefined) => (): Judgement | undefined => {
  const why = check()
  return why === undefined ? undefined : { ok: false, why: `${region}: ${why}` }
}

function firstOf(checks: readonly (() => Judgement | undefined)[]): Judgement | undefined {
  for (const check of checks) {
    const found = check()
    if (found !== undefined) return found
  }
  return undefined
}
