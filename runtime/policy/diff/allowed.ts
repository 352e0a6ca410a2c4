import type { AgentDocument } from '../agent-document.ts'
import { type ActionRule, limitsOf, PERIOD_SECONDS } from '../agent-document.ts'
import { paramPointer } from '../compile.ts'
import type { Constraint } from '../lint/constraint.ts'
import { grown, namesOf, narrowed, own, quoted, type Said, saidOf, widened } from './change.ts'
import { money } from './money.ts'

type Allowed = AgentDocument['allowed_tools']

/** What an agent may use, and how. */
export function allowedChanges(name: string, before: Allowed, after: Allowed): Said[] {
  return namesOf(before, after).flatMap((tool) => {
    const [old, now] = [own(before, tool), own(after, tool)]
    return saidOf(`${name}: ${tool}`, old, now, () =>
      namesOf(old ?? {}, now ?? {}).flatMap((action) =>
        ruleChanges(name, `${tool}.${action}`, own(old ?? {}, action), own(now ?? {}, action)),
      ),
    )
  })
}

/** @param act `tool.action` */
function ruleChanges(name: string, act: string, old: ActionRule | undefined, now: ActionRule | undefined): Said[] {
  if (old === undefined && now === undefined) return []
  if (now === undefined) return [narrowed(`${name} may no longer use ${act}`)]
  if (old === undefined) return [widened(`${name} may now use ${act}${inFull(now)}`)]
  return (Object.keys(RULES) as (keyof ActionRule)[]).flatMap((key) =>
    saidOf(`${name}: ${key} of ${act}`, old[key], now[key], () => RULES[key](name, act, old, now)),
  )
}

/** One describer a key. A key that has none does not compile. */
const RULES: { [K in keyof Required<ActionRule>]: (name: string, act: string, old: ActionRule, now: ActionRule) => Said[] } = {
  max_amount: limitChanges,
  params: (_, act, old, now) => paramChanges(act, old.params ?? {}, now.params ?? {}),
  rate: (name, act, { rate: old }, { rate: now }) => {
    if (now === undefined) return [widened(`${name} may now call ${act} as often as it likes, was ${often(old)}`)]
    if (old === undefined) return [narrowed(`${name} may now make ${often(now)} of ${act}, was not limited`)]
    const perSecond = ({ calls, per }: typeof now) => calls / PERIOD_SECONDS[per]
    return [grown(perSecond(now) - perSecond(old), `${name} may now make ${often(now)} of ${act}, was ${often(old)}`)]
  },
  on_drift: (name, act, { on_drift: old }, { on_drift: now }) => [
    grown(
      DRIFT.indexOf(now) - DRIFT.indexOf(old),
      `${name}: when its tool is no longer the registered one, ${act} is now ${answered(now)}, was ${answered(old)}`,
    ),
  ],
}

const DRIFT: readonly ActionRule['on_drift'][] = ['deny', 'approval_needed', 'allow']

function limitChanges(name: string, act: string, before: ActionRule, after: ActionRule): Said[] {
  const old = new Map(limitsOf(before).map((limit) => [limit.currency, limit]))
  const now = new Map(limitsOf(after).map((limit) => [limit.currency, limit]))
  return [...new Set([...old.keys(), ...now.keys()])].flatMap((currency): Said[] => {
    const [from, to] = [old.get(currency), now.get(currency)]
    if (to === undefined) return [narrowed(`${name} may no longer pay in ${currency.toUpperCase()} with ${act}`)]
    if (from === undefined) return [widened(`${name} may now pay up to ${money(to.value, currency)} with ${act}; ${beyond(to.above)}`)]
    const said: Said[] = []
    if (from.value !== to.value) {
      const [was, is] = [money(from.value, currency), money(to.value, currency)]
      const asks = to.above === 'approval_needed'
      const text = `${name} may now pay up to ${is} with ${act}${asks ? ' before a person must agree' : ''}, was ${was}${asks ? '' : '; more is denied'}`
      said.push(grown(to.value - from.value, text))
    }
    if (from.above !== to.above) {
      const more = `${name}: a payment of more than ${money(to.value, currency)} with ${act}`
      said.push(
        to.above === 'deny'
          ? narrowed(`${more} is now denied, a person could agree to it before`)
          : widened(`${more} now needs a person to agree, was denied`),
      )
    }
    return said
  })
}

function paramChanges(act: string, before: Record<string, Constraint>, after: Record<string, Constraint>): Said[] {
  const [old, now] = [byPointer(before), byPointer(after)]
  return namesOf(old, now).flatMap((at) => {
    const [from, to] = [own(old, at) ?? {}, own(now, at) ?? {}]
    return namesOf(from, to).flatMap((op) => operatorChanges(`${at} of ${act}`, op as keyof Constraint, from, to))
  })
}

/** `recipient` and `/recipient` are one argument. */
function byPointer(params: Record<string, Constraint>): Record<string, Constraint> {
  return Object.fromEntries(Object.entries(params).map(([name, constraint]) => [paramPointer(name), constraint]))
}

function operatorChanges(what: string, op: keyof Constraint, before: Constraint, after: Constraint): Said[] {
  const [old, now] = [before[op], after[op]]
  if (old === undefined && now === undefined) return []
  if (now === undefined) return [widened(`${what} no longer ${hasTo(op, old)}`)]
  if (old === undefined) return [narrowed(`${what} now ${has(op, now)}, did not have to`)]
  return saidOf(`${what}: ${op}`, old, now, () => {
    if (Array.isArray(old) && Array.isArray(now) && now.length === old.length && now.every((value) => old.some((one) => one === value)))
      return []
    return [{ kind: wider(op, old, now), text: `${what} now ${has(op, now)}, was ${operand(old)}` }]
  })
}

function wider(op: keyof Constraint, old: unknown, now: unknown): Said['kind'] {
  if (op === 'at_most') return Number(now) > Number(old) ? 'widened' : 'narrowed'
  if (op === 'prefix') return includes(String(old).startsWith(String(now)), String(now).startsWith(String(old)))
  if (op === 'suffix') return includes(String(old).endsWith(String(now)), String(now).endsWith(String(old)))
  if (op === 'one_of' && Array.isArray(old) && Array.isArray(now))
    return includes(
      old.every((value) => now.includes(value)),
      now.every((value) => old.includes(value)),
    )
  return 'changed'
}

function includes(more: boolean, less: boolean): Said['kind'] {
  return more ? 'widened' : less ? 'narrowed' : 'changed'
}

const VERBS: Record<keyof Constraint, string> = {
  equals: 'be',
  one_of: 'be one of',
  prefix: 'begin with',
  suffix: 'end with',
  at_most: 'be at most',
}
const has = (op: keyof Constraint, value: unknown) => `must ${VERBS[op]} ${operand(value)}`
const hasTo = (op: keyof Constraint, value: unknown) => `has to ${VERBS[op]} ${operand(value)}`
const operand = (value: unknown) => (Array.isArray(value) ? value.map(quoted).join(', ') : quoted(value))

/** Everything about an action that becomes allowed. */
function inFull(rule: ActionRule): string {
  const limits = limitsOf(rule).map(({ value, currency, above }) => `up to ${money(value, currency)}, ${beyond(above)}`)
  const params = Object.entries(rule.params ?? {}).flatMap(([at, constraint]) =>
    Object.entries(constraint).flatMap(([op, value]) =>
      value === undefined ? [] : [`${paramPointer(at)} ${has(op as keyof Constraint, value)}`],
    ),
  )
  const rate = rule.rate === undefined ? [] : [`${often(rule.rate)}`]
  const drift = rule.on_drift === 'deny' ? [] : [`${answered(rule.on_drift)} when its tool is no longer the registered one`]
  const parts = [...limits, ...params, ...rate, ...drift]
  return parts.length === 0 ? '' : `: ${parts.join('; ')}`
}

const beyond = (above: 'deny' | 'approval_needed') => (above === 'deny' ? 'more is denied' : 'a person must agree to more')

function answered(outcome: ActionRule['on_drift']): string {
  return { deny: 'denied', approval_needed: 'allowed if a person agrees', allow: 'allowed' }[outcome]
}

function often(rate: ActionRule['rate']): string {
  return rate === undefined ? 'any number of calls' : `${rate.calls} calls a ${rate.per}`
}
