import type { PolicyInput } from '../policy-io.ts'
import { type CompiledPolicy, dataRuleName, own, permissionOf } from './compiled.ts'

/**
 * The field of the agent's document that a reason came from, with what stands there, such as
 * `allowed_tools.stripe-payments.create_payment.max_amount: 500000 eur, above: approval_needed`.
 *
 * @param rule of the reason, as Rego names it
 * @returns undefined for what no document says
 */
export function sourceOf(rule: string, { call }: Pick<PolicyInput, 'call'>, policy: CompiledPolicy | undefined): string | undefined {
  if (policy === undefined) return undefined
  const [kind = '', ...rest] = rule.split('.')
  const name = rest.join('.')
  const action = `allowed_tools.${call.tool}.${call.action}`
  const permission = permissionOf(policy, call)
  switch (kind) {
    case 'allowed_tools':
      return `allowed_tools: names no ${call.tool}.${call.action}`
    case 'max_amount':
    case 'amount':
    case 'currency': {
      const limits = Object.entries(permission?.amount?.limits ?? {}).map(([unit, { max, above }]) => `${max} ${unit}, above: ${above}`)
      return limits.length === 0 ? undefined : `${action}.max_amount: ${limits.join('; ')}`
    }
    case 'params': {
      const wanted = (permission?.params ?? []).filter((param) => param.name === name)
      const said = wanted.map(({ op, value }) => `${op} ${JSON.stringify(value)}`)
      return said.length === 0 ? undefined : `${action}.params.${name}: ${said.join(', ')}`
    }
    case 'on_drift':
      return permission === undefined ? undefined : `${action}.on_drift: ${permission.on_drift}`
    case 'data': {
      const found = dataRuleName(policy, name)
      return found === undefined ? undefined : `data.${found}: ${own(policy.data, found)?.do ?? 'allow'}`
    }
    case 'export': {
      const found = dataRuleName(policy, name)
      const said = found === undefined ? undefined : own(policy.data, found)?.export
      return said === undefined ? `data: no export for ${name}, which denies it` : `data.${found}.export: ${said}`
    }
    case 'budget':
      return policy.budget === undefined ? undefined : `budget: a day's ${policy.budget.currency ?? policy.budget.unit}`
    case 'chain': {
      const [which = '', ...target] = rest
      const said = policy.chain.filter((entry) => name === '' || entry[which] === target.join('.'))
      return said.length === 0 ? undefined : `chain: ${said.map(words).join('; ')}`
    }
    default:
      return undefined
  }
}

function words(rule: Readonly<Record<string, unknown>>): string {
  return Object.entries(rule)
    .map(([key, value]) => `${key} ${value}`)
    .join(', ')
}
