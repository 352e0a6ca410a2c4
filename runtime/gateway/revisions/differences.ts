import type { Outcome } from '../../model/verdict.ts'
import type { Comparison } from '../../state/fleet.ts'
import type { Opinion } from './second-judgement.ts'

/** Of one call, that both revisions have judged. */
export interface Compared {
  decisionId: string
  tool: string
  action: string
  tenant: string
  /** The revision in force, and the candidate: whichever of them decided. */
  inForce: Opinion
  candidate: Opinion
}

/** Where a candidate decides otherwise. Numbers, names and decision ids: nothing of a call's arguments. */
export interface Differences {
  add(compared: Compared): void
  skip(): void
  fault(): void
  shown(): Comparison
}

/** Names kept of each kind, and decision ids: what is beyond them is counted in the sums only. */
const KEYS_MAX = 50
const IDS_MAX = 20
const STRICTNESS: Readonly<Record<Outcome, number>> = { allow: 0, sanitize: 1, approval_needed: 2, deny: 3 }

export function differencesOf(revision: string): Differences {
  const sums = { compared: 0, skipped: 0, new_denies: 0, new_approvals: 0, loosened: 0, faults: 0 }
  const rules = new Map<string, number>()
  const tools = new Map<string, number>()
  const tenants = new Map<string, number>()
  const ids: string[] = []

  const name = ({ decisionId, tool, action, tenant, inForce, candidate }: Compared) => {
    for (const rule of newReasons(inForce, candidate)) count(rules, rule)
    count(tools, `${tool}.${action}`)
    count(tenants, tenant)
    if (ids.length < IDS_MAX) ids.push(decisionId)
  }

  return {
    add(compared) {
      const { inForce, candidate } = compared
      sums.compared++
      if (candidate.reasons.some(({ code }) => code === 'policy_error')) sums.faults++
      if (STRICTNESS[candidate.outcome] < STRICTNESS[inForce.outcome]) sums.loosened++
      else if (candidate.outcome === inForce.outcome) return
      else if (candidate.outcome === 'deny') {
        sums.new_denies++
        name(compared)
      } else if (candidate.outcome === 'approval_needed') {
        sums.new_approvals++
        name(compared)
      }
    },
    skip: () => void sums.skipped++,
    fault: () => void sums.faults++,
    shown: () => ({
      revision,
      ...sums,
      rules: Object.fromEntries(rules),
      tools: Object.fromEntries(tools),
      tenants: Object.fromEntries(tenants),
      decision_ids: [...ids],
    }),
  }
}

/** What the candidate says and the revision in force does not; all of it, where only the mode differs. */
function newReasons(inForce: Opinion, candidate: Opinion): string[] {
  const said = new Set(inForce.reasons.map(keyOf))
  const fresh = candidate.reasons.map(keyOf).filter((key) => !said.has(key))
  return [...new Set(fresh.length > 0 ? fresh : candidate.reasons.map(keyOf))]
}

const keyOf = ({ code, rule }: Opinion['reasons'][number]) => `${code} ${rule}`

function count(tally: Map<string, number>, key: string): void {
  const before = tally.get(key)
  if (before !== undefined || tally.size < KEYS_MAX) tally.set(key, (before ?? 0) + 1)
}
