import type { Outcome } from '../../model/verdict.ts'
import type { RecordedDecision, RecordedReason } from './recorded.ts'
import type { Rejudged } from './rejudge.ts'

/**
 * What a replay found, in numbers, names that documents and registry give, and decision ids: it leaves the region, so nothing that came
 * with a call is in it. Tallies of parts add up to the tally of the whole.
 */
export interface Tally {
  replayed: number
  unanswerable: number
  /** From one outcome to another, such as `allow>deny`. */
  changes: Record<string, number>
  newDenies: number
  newApprovals: number
  loosened: number
  /** Of everything that would change. Keys: `code rule`, `tool.action`, tenant. */
  rules: Record<string, number>
  tools: Record<string, number>
  tenants: Record<string, number>
  /** The first of each change, in the order of counting. */
  decisionIds: Record<string, string[]>
}

/** Most keys of one count, and most ids of one change. Whatever comes on top is counted as `others`. */
const KEYS_MAX = 200
const IDS_MAX = 20
const OTHERS = 'others'
/** A name that no registry knows may be any text. */
const UNREGISTERED = 'unregistered'

export function emptyTally(): Tally {
  return {
    replayed: 0,
    unanswerable: 0,
    changes: {},
    newDenies: 0,
    newApprovals: 0,
    loosened: 0,
    rules: {},
    tools: {},
    tenants: {},
    decisionIds: {},
  }
}

/** Adds one decision. @param rejudged undefined: the candidate cannot be asked about it */
export function addDecision(tally: Tally, recorded: RecordedDecision, rejudged: Rejudged | undefined): void {
  if (rejudged === undefined) {
    tally.unanswerable++
    return
  }
  tally.replayed++
  const { from, to } = rejudged
  if (from === to) return
  if (to === 'deny') tally.newDenies++
  if (to === 'approval_needed' && STRICTNESS[from] < STRICTNESS[to]) tally.newApprovals++
  if (STRICTNESS[to] < STRICTNESS[from]) tally.loosened++
  const change = `${from}>${to}`
  add(tally.changes, change, 1)
  for (const { code, rule } of causes(recorded, rejudged)) add(tally.rules, `${code} ${rule}`, 1)
  add(tally.tools, rejudged.registered ? `${recorded.tool}.${recorded.action}` : UNREGISTERED, 1)
  add(tally.tenants, recorded.tenant, 1)
  keep(tally.decisionIds, change, [recorded.decision_id])
}

/** Adds what another part found, as if its decisions had been counted here next. */
export function mergeTally(tally: Tally, part: Tally): void {
  for (const name of ['replayed', 'unanswerable', 'newDenies', 'newApprovals', 'loosened'] as const) tally[name] += part[name]
  for (const name of ['changes', 'rules', 'tools', 'tenants'] as const)
    for (const [key, count] of Object.entries(part[name])) add(tally[name], key, count)
  for (const [change, ids] of Object.entries(part.decisionIds)) keep(tally.decisionIds, change, ids)
}

const STRICTNESS: Record<Outcome, number> = { allow: 0, sanitize: 1, approval_needed: 2, deny: 3 }

/** Which rules made the difference: those that the stricter side has and the other has not, or all of them when both have the same. */
function causes({ policy }: RecordedDecision, { from, to, reasons }: Rejudged): readonly RecordedReason[] {
  const before = policy?.reasons ?? []
  const [stricter, other] = STRICTNESS[to] > STRICTNESS[from] ? [reasons, before] : [before, reasons]
  const added = stricter.filter(({ code, rule }) => !other.some((one) => one.code === code && one.rule === rule))
  return added.length > 0 ? added : stricter
}

function add(counts: Record<string, number>, key: string, count: number): void {
  const known = Object.hasOwn(counts, key) || Object.keys(counts).length < KEYS_MAX
  const name = known ? key : OTHERS
  counts[name] = (counts[name] ?? 0) + count
}

function keep(ids: Record<string, string[]>, change: string, more: readonly string[]): void {
  const kept = ids[change] ?? []
  kept.push(...more.slice(0, IDS_MAX - kept.length))
  ids[change] = kept
}
