import type { Clock } from '../../model/ports.ts'
import type { Comparison } from '../../state/fleet.ts'
import type { ActivePolicy } from '../active-policy.ts'
import type { Judged, JudgementWatcher, Services, Unfit } from '../services.ts'
import type { LiveCandidate } from './candidate.ts'
import { type Compared, type Differences, differencesOf } from './differences.ts'
import { firstOpinion, MALFORMED, type Opinion, onlyOpinion, type SecondOptions, secondOpinion } from './second-judgement.ts'

/**
 * While a candidate says so, every call that was judged is judged by the other revision too, after its verdict, and where they differ is
 * counted: always as the candidate against the revision in force, also for agents that the candidate decides for. It changes nothing: no
 * state, no reservation, no metric of decisions.
 */
export interface RevisionComparison extends JudgementWatcher {
  /** @param rollout the one that is named; null when nothing of it was compared */
  shown(rollout: string | undefined): Comparison | null
  /** Resolves when nothing waits. */
  idle(): Promise<void>
}

export interface ComparisonOptions {
  place: Services['place']
  watch: Services['watch']
  clock: Clock
  current: () => ActivePolicy | undefined
  candidate: () => LiveCandidate | undefined
  /** Calls that may wait. Each holds its arguments until then, and those beyond are skipped. */
  waitingMax?: number
  /** Work of one turn of the event loop. */
  turnMs?: number
}

type Waiting = ({ kind: 'judged'; event: Judged } | { kind: 'unfit'; event: Unfit }) & {
  nowMs: number
  candidate: LiveCandidate
  other: ActivePolicy
  /** The candidate decided, and the other is the revision in force. */
  byCandidate: boolean
}

const WAITING_MAX = 1000
const TURN_MS = 1

export function revisionComparison(options: ComparisonOptions): RevisionComparison {
  const { clock, current, candidate, waitingMax = WAITING_MAX, turnMs = TURN_MS } = options
  let waiting: Waiting[] = []
  let scheduled = false
  let counted: { rollout: string; digest: string; differences: Differences } | undefined

  const differencesFor = ({ rollout, policy }: LiveCandidate): Differences => {
    if (counted?.rollout !== rollout || counted.digest !== policy.bundleDigest)
      counted = { rollout, digest: policy.bundleDigest, differences: differencesOf(policy.revision) }
    return counted.differences
  }

  const take = (item: Pick<Waiting, 'kind' | 'event'>) => {
    const live = candidate()
    const inForce = current()
    if (live?.compare !== true || inForce === undefined) return
    const by = item.event.policy.bundleDigest
    const byCandidate = by === live.policy.bundleDigest
    // A call that came before the last swap was judged by neither.
    if (!byCandidate && by !== inForce.bundleDigest) return
    if (waiting.length >= waitingMax) return differencesFor(live).skip()
    const other = byCandidate ? inForce : live.policy
    waiting.push({ ...item, nowMs: clock.now(), candidate: live, other, byCandidate } as Waiting)
    if (!scheduled) setImmediate(work)
    scheduled = true
  }

  const work = () => {
    const endMs = clock.monotonic() + turnMs
    let done = 0
    do {
      const item = waiting[done++]
      if (item !== undefined) compare(item)
    } while (done < waiting.length && clock.monotonic() < endMs)
    waiting = waiting.slice(done)
    scheduled = waiting.length > 0
    if (scheduled) setImmediate(work)
  }

  const compare = (item: Waiting) => {
    const live = candidate()
    // Over meanwhile: nobody asks any more.
    if (live?.policy.bundleDigest !== item.candidate.policy.bundleDigest || !live.compare) return
    const differences = differencesFor(item.candidate)
    try {
      const compared = comparedBy(item, { place: options.place, watch: options.watch, nowMs: item.nowMs })
      if (compared !== undefined) differences.add(compared)
    } catch {
      differences.fault()
    }
  }

  return {
    judged: (event) => take({ kind: 'judged', event }),
    unfit: (event) => take({ kind: 'unfit', event }),
    shown: (rollout) => (rollout !== undefined && counted?.rollout === rollout ? counted.differences.shown() : null),
    async idle() {
      while (scheduled) await new Promise((resolve) => setImmediate(resolve))
    },
  }
}

/** @returns undefined when the arguments fit neither revision: then there is nothing that either would do */
function comparedBy(item: Waiting, options: SecondOptions): Compared | undefined {
  const { call, principal } = item.kind === 'judged' ? item.event.enriched : item.event
  const first = item.kind === 'judged' ? firstOpinion(item.event) : MALFORMED
  const second: Opinion | undefined =
    item.kind === 'judged' ? secondOpinion(item.event, item.other, options) : onlyOpinion(item.event, item.other, options)
  if (second === undefined) return undefined
  const { decisionId } = item.event
  const [inForce, candidate] = item.byCandidate ? [second, first] : [first, second]
  return { decisionId, tool: call.tool, action: call.action, tenant: principal.tenant, inForce, candidate }
}
