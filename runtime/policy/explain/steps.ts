import type { JsonObject, JsonValue } from '../../model/call.ts'
import type { PolicyInput, PolicyOutput } from '../policy-io.ts'
import { type CompiledPolicy, type Money, own, type Param, permissionOf } from './compiled.ts'

/** One fact that could have been otherwise. Steps of one group exclude each other. */
export interface Step {
  group: string
  /** For people; of the call's own values it repeats none. */
  what: string
  apply(input: PolicyInput): PolicyInput
}

/** Values of one parameter that are tried. */
const VALUES_MAX = 10

/** Everything that would be in the call's favour, apart from its amount and an approval. */
export function stepsOf(input: PolicyInput, policy: CompiledPolicy | undefined): Step[] {
  return [
    ...permissionStep(input, policy),
    ...currencySteps(input, policy),
    ...paramSteps(input, policy),
    ...input.data.classes.map(withoutClass),
    ...endpointStep(input),
    ...chainSteps(input, policy),
    ...budgetStep(input, policy),
    ...steadyStep(input),
  ]
}

/** @param asked what policy said that it needs an approval of; undefined when it asks for none */
export function approvalStep(asked: PolicyOutput['obligations']['approval']): Step | undefined {
  if (asked === null) return undefined
  const { rules, roles, min_approvers: approvers } = asked
  return {
    group: 'approval',
    what: `an approval of ${rules.join(', ')} (${approvers} of the role ${roles.join(' and ')})`,
    apply: (input) => ({ ...input, approval: { id: 'counterfactual', rules, roles, approvers } }),
  }
}

/** The call with another amount. What it costs a budget in its currency changes with it. */
export function withAmount(
  input: PolicyInput,
  { at, currency_at }: Money,
  amount: number,
  policy: CompiledPolicy | undefined,
): PolicyInput {
  const { call, budget } = input
  const costs = budget !== null && policy?.budget?.currency !== undefined && policy.budget.currency === valueAt(call.arguments, currency_at)
  return { ...withArgument(input, at, amount), ...(costs && { budget: { ...budget, cost: amount } }) }
}

export function valueAt(args: JsonObject, at: readonly string[]): JsonValue | undefined {
  let found: JsonValue | undefined = args
  for (const key of at) found = isObject(found) && Object.hasOwn(found, key) ? found[key] : undefined
  return found
}

function permissionStep({ call, agent, tool }: PolicyInput, policy: CompiledPolicy | undefined): Step[] {
  if (policy === undefined || tool === null || permissionOf(policy, call) !== undefined) return []
  const apply = (input: PolicyInput) => {
    const compiled = JSON.parse(input.agent.policyJson ?? '{}') as JsonObject
    const tools = isObject(compiled.tools) ? compiled.tools : {}
    const actions = own(tools, call.tool)
    const allowed = { ...tools, [call.tool]: { ...(isObject(actions) ? actions : {}), [call.action]: {} } }
    return { ...input, agent: { ...input.agent, policyJson: JSON.stringify({ ...compiled, tools: allowed }) } }
  }
  return [{ group: 'permission', what: `${agent.id} being allowed ${call.tool}.${call.action}`, apply }]
}

function currencySteps({ call }: PolicyInput, policy: CompiledPolicy | undefined): Step[] {
  const money = permissionOf(policy, call)?.amount
  if (money === undefined) return []
  const now = valueAt(call.arguments, money.currency_at)
  return Object.keys(money.limits)
    .filter((unit) => unit !== now)
    .map((unit) => ({
      group: 'currency',
      what: `${money.currency_at.join('.')} ${unit}`,
      apply: (input) => withArgument(input, money.currency_at, unit),
    }))
}

function paramSteps({ call }: PolicyInput, policy: CompiledPolicy | undefined): Step[] {
  return (permissionOf(policy, call)?.params ?? []).flatMap((param) =>
    fitting(param, valueAt(call.arguments, param.at)).map(({ words, value }) => ({
      group: `params.${param.name}.${param.op}`,
      what: `${param.name} ${words}`,
      apply: (input: PolicyInput) => withArgument(input, param.at, value),
    })),
  )
}

/** Values that hold where the call's does not, and how to say so. */
function fitting({ op, value }: Param, now: JsonValue | undefined): { words: string; value: JsonValue }[] {
  const text = typeof now === 'string' ? now : ''
  switch (op) {
    case 'equals':
      return isScalar(value) && value !== now ? [{ words: `equal to ${JSON.stringify(value)}`, value }] : []
    case 'one_of':
      return (Array.isArray(value) ? value : [])
        .filter((one) => isScalar(one) && one !== now)
        .slice(0, VALUES_MAX)
        .map((one) => ({ words: `equal to ${JSON.stringify(one)}`, value: one }))
    case 'prefix':
      return typeof value === 'string' ? [{ words: `beginning with ${JSON.stringify(value)}`, value: `${value}${text}` }] : []
    case 'suffix':
      return typeof value === 'string' ? [{ words: `ending with ${JSON.stringify(value)}`, value: `${text}${value}` }] : []
    case 'at_most':
      return typeof value === 'number' ? [{ words: `at most ${value}`, value }] : []
    default:
      return []
  }
}

function withoutClass(name: string): Step {
  return {
    group: `class.${name}`,
    what: `no ${name} in the arguments`,
    apply(input) {
      const { classes, findings, findings_total } = input.data
      const left = findings.filter((finding) => finding.class !== name)
      const others = classes.filter((one) => one !== name)
      const total = others.length === 0 ? 0 : findings_total - (findings.length - left.length)
      return { ...input, data: { classes: others, findings: left, findings_total: total } }
    },
  }
}

/** A call goes to the tenant's own zone wherever the tool can be reached there. */
function endpointStep({ tool, tenant, zone }: PolicyInput): Step[] {
  const own = tenant.binding === 'none' ? zone : tenant.zone
  if (tool === null || tool.zones.includes(own)) return []
  const facts = { ...tool, zones: [...tool.zones, own].sort() }
  return [{ group: 'endpoint', what: `an endpoint of ${tool.name} in zone ${own}`, apply: (input) => ({ ...input, tool: facts }) }]
}

function chainSteps({ chain, call }: PolicyInput, policy: CompiledPolicy | undefined): Step[] {
  if (policy === undefined || policy.chain.length === 0) return []
  const fresh = (id: string): PolicyInput['chain'] => ({ id, taints: [], calls: {} })
  if (chain === null) {
    return [{ group: 'chain', what: 'a chain that is known, and clean', apply: (input) => ({ ...input, chain: fresh('counterfactual') }) }]
  }
  const counted = own(chain.calls, `${call.tool}.${call.action}`)
  const without = chain.taints.map(
    (taint): Step => ({
      group: 'chain',
      what: `a chain without ${taint}`,
      apply: (input) => ({ ...input, chain: { ...chain, taints: chain.taints.filter((one) => one !== taint) } }),
    }),
  )
  if (chain.taints.length < 2 && counted === undefined) return without
  return [...without, { group: 'chain', what: 'a new chain', apply: (input) => ({ ...input, chain: fresh(chain.id) }) }]
}

function budgetStep({ budget, call }: PolicyInput, policy: CompiledPolicy | undefined): Step[] {
  if (policy?.budget === undefined) return []
  const money = permissionOf(policy, call)?.amount
  const amount = money === undefined ? undefined : valueAt(call.arguments, money.at)
  const inCurrency = policy.budget.currency !== undefined && typeof amount === 'number' ? amount : 0
  const cost = Math.max(budget?.cost ?? 0, inCurrency)
  if (budget !== null && budget.remaining >= cost) return []
  return [
    {
      group: 'budget',
      what: `at least ${cost} left of the budget`,
      apply: (input) => ({ ...input, budget: { remaining: cost, cost: budget?.cost ?? cost } }),
    },
  ]
}

function steadyStep({ tool }: PolicyInput): Step[] {
  if (tool === null || !tool.drift) return []
  const facts = { ...tool, drift: false }
  return [{ group: 'drift', what: `${tool.name} being as it was registered`, apply: (input) => ({ ...input, tool: facts }) }]
}

function withArgument(input: PolicyInput, at: readonly string[], value: JsonValue): PolicyInput {
  return { ...input, call: { ...input.call, arguments: withValue(input.call.arguments, at, value) } }
}

function withValue(args: JsonObject, [key = '', ...rest]: readonly string[], value: JsonValue): JsonObject {
  const inner = own(args, key)
  return { ...args, [key]: rest.length === 0 ? value : withValue(isObject(inner) ? inner : {}, rest, value) }
}

function isScalar(value: unknown): value is string | number | boolean {
  return ['string', 'number', 'boolean'].includes(typeof value)
}

function isObject(value: JsonValue | undefined): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
