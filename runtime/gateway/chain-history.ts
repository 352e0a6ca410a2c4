import { sessionStartMs } from '../identity/session-id.ts'
import type { Principal } from '../model/call.ts'
import type { ChainRule } from '../policy/agent-document.ts'
import type { PolicyInput } from '../policy/policy-io.ts'
import { type ChainState, HOUR_MS } from '../state/chains.ts'
import { KNOWN_MS } from './known-taints.ts'

/** How long an agent without a session is held to what it did: from the last call that did it. */
const AMBIENT_MS = 24 * HOUR_MS
/** A session's history must outlast the session; it is forgotten so long after its last new taint or counted call. */
const SESSION_KEPT_MS = 30 * 24 * HOUR_MS
/** Clocks of two regions, and the seconds in which a released region still answered, lie within this. */
const SKEW_MS = 60_000

type Facts = NonNullable<PolicyInput['chain']>

/** What policy is told of a chain. `added`: taints of a chain that the caller presented. */
export function factsOf(id: string, state: ChainState, added: readonly string[], of: { ambient: boolean; nowMs: number }): Facts {
  const sinceMs = of.ambient ? of.nowMs - AMBIENT_MS : 0
  // A taint that a process knows to stand is written again only now and then, so it counts that much longer.
  const taints = [...state.taints].filter(([, lastMs]) => lastMs >= sinceMs - KNOWN_MS).map(([taint]) => taint)
  const calls = [...state.calls].map(([toolAction, { total, byHour }]) => {
    if (!of.ambient) return [toolAction, total] as const
    const recent = [...byHour].filter(([hour]) => (hour + 1) * HOUR_MS > sinceMs)
    return [toolAction, recent.reduce((sum, [, inHour]) => sum + inHour, 0)] as const
  })
  return { id, taints: [...new Set([...taints, ...added])].sort(), calls: Object.fromEntries(calls) }
}

/** Whether calls of this chain may have been answered by the region that was active before. */
export function historyIsElsewhere({ session }: Pick<Principal, 'session'>, promotedAtMs: number | undefined, nowMs: number): boolean {
  if (promotedAtMs === undefined) return false
  if (session === undefined) return nowMs < promotedAtMs + AMBIENT_MS + SKEW_MS
  // A session that does not say when it began may have begun before.
  return (sessionStartMs(session) ?? 0) < promotedAtMs + SKEW_MS
}

/** As if everything had happened that a rule of the agent asks about. */
export function assumingTheWorst({ id, taints, calls }: Facts, rules: readonly ChainRule[]): Facts {
  const worst = new Map(Object.entries(calls))
  for (const rule of rules) if ('count' in rule) worst.set(rule.count, Math.max(worst.get(rule.count) ?? 0, rule.from - 1))
  const named = rules.flatMap((rule) => ('after' in rule ? [rule.after] : []))
  return { id, taints: [...new Set([...taints, ...named])].sort(), calls: Object.fromEntries(worst) }
}

/** Seconds since the epoch. Later than anything of the item counts. */
export function goneAtS(ambient: boolean, nowMs: number): number {
  return Math.ceil((nowMs + (ambient ? AMBIENT_MS + 2 * KNOWN_MS : SESSION_KEPT_MS)) / 1000)
}
