import type { JsonObject, JsonValue } from '../model/call.ts'
import {
  type ActionRule,
  type AgentDocument,
  budgetOf,
  type DataRule,
  durationSeconds,
  limitsOf,
  PERIOD_SECONDS,
} from './agent-document.ts'
import { pointerSegments } from './arguments.ts'
import type { BundledAgent, BundledTool } from './bundle-data.ts'

/** Bytes of a compiled policy as JSON: it travels with every call of its agent, and 1 KB costs some 10 us. */
export const POLICY_BYTES_MAX = 1024

export type Registry = Readonly<Record<string, BundledTool>>
type Action = BundledTool['actions'][string]

/**
 * Compiles a checked document for the gateway: what Rego reads (`policy`), and what the host keeps to itself.
 * Roles of the registry are resolved to paths, and defaults that Rego knows are left out.
 */
export function compileAgent(document: AgentDocument, registry: Registry): BundledAgent {
  const { tenant, mode, egress } = document
  return {
    tenant,
    mode,
    policy: compilePolicy(document, registry),
    egress: egress.map(({ host, zone }) => ({ host, zone: zone ?? null })),
    rates: compileRates(document),
    budget: budgetOf(document),
  }
}

/** Bytes of the policy as it will travel. */
export function policyBytes(agent: BundledAgent): number {
  return Buffer.byteLength(JSON.stringify(agent.policy))
}

function compilePolicy(document: AgentDocument, registry: Registry): JsonObject {
  const { tenant, allowed_tools, data, approvals, chain } = document
  const budget = budgetOf(document)
  const tools = mapValues(allowed_tools, (actions, tool) =>
    mapValues(actions, (rule, action) => compileAction(rule, registry[tool]?.actions[action])),
  )
  return {
    tenant,
    tools,
    data: mapValues(data, compileData),
    approvals: { min_approvers: approvals.min_approvers, ttl_s: durationSeconds(approvals.ttl) },
    ...(chain.length === 0 ? {} : { chain: chain.map((rule): JsonObject => ({ ...rule })) }),
    ...(budget === null
      ? {}
      : { budget: budget.unit === 'calls' || budget.unit === 'tokens' ? { unit: budget.unit } : { currency: budget.unit } }),
  }
}

function compileAction(rule: ActionRule, action: Action | undefined): JsonObject {
  const { params, on_drift } = rule
  const { amount, currency, recipient } = action?.roles ?? {}
  const compiled: JsonObject = {}
  const limits = limitsOf(rule).map(({ value: max, currency: unit, above }): [string, JsonObject] => [unit, { max, above }])
  if (limits.length > 0 && amount !== undefined && currency !== undefined) {
    compiled.amount = { at: pointerSegments(amount), currency_at: pointerSegments(currency), limits: Object.fromEntries(limits) }
  }
  if (params !== undefined) compiled.params = Object.entries(params).flatMap(([name, rule]) => compileParam(name, rule))
  if (recipient !== undefined && recipient.classes.length > 0) compiled.recipients = { [recipient.at]: recipient.classes }
  if (on_drift !== 'deny') compiled.on_drift = on_drift
  return compiled
}

/** One entry an operator, so that Rego asks of each whether it holds. */
function compileParam(name: string, rule: Readonly<Record<string, JsonValue | undefined>>): JsonObject[] {
  const at = pointerSegments(paramPointer(name))
  return Object.entries(rule).flatMap(([op, value]) => (value === undefined ? [] : [{ name: at.join('.'), at, op, value }]))
}

/** `recipient` and `/recipient` name the same argument. */
export function paramPointer(name: string): string {
  return name.startsWith('/') ? name : `/${name.replaceAll('~', '~0').replaceAll('/', '~1')}`
}

/** A rule with its defaults left out: two rules that mean the same give the same. */
export function compileData(rule: DataRule): JsonObject {
  if (typeof rule === 'string') return { do: rule }
  const { do: inside, method, export: outside } = rule
  return {
    ...(inside === 'allow' ? {} : { do: inside }),
    ...(method === undefined || method === 'redact' ? {} : { method }),
    ...(outside === 'deny' ? {} : { export: outside }),
  }
}

function compileRates({ allowed_tools }: AgentDocument): BundledAgent['rates'] {
  const rates = Object.entries(allowed_tools).flatMap(([tool, actions]) =>
    Object.entries(actions).flatMap(([action, { rate }]) =>
      rate === undefined ? [] : [[`${tool}.${action}`, { calls: rate.calls, per_s: PERIOD_SECONDS[rate.per] }] as const],
    ),
  )
  return Object.fromEntries(rates)
}

function mapValues<T, R extends JsonValue>(record: Readonly<Record<string, T>>, map: (value: T, key: string) => R): Record<string, R> {
  return Object.fromEntries(Object.entries(record).map(([key, value]) => [key, map(value, key)]))
}
