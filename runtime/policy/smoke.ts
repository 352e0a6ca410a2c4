import type { ReasonCode } from '../model/codes.ts'
import type { Outcome } from '../model/verdict.ts'
import type { PolicyInput } from './policy-io.ts'

export interface SmokeCall {
  name: string
  input: PolicyInput
  outcome: Outcome
  codes: ReasonCode[]
}

const policyJson = JSON.stringify({
  tenant: 'smoke',
  tools: {
    pay: {
      create: {
        amount: { at: ['amount'], currency_at: ['currency'], limits: { eur: { max: 1000, above: 'approval_needed' } } },
        params: [{ name: 'recipient', at: ['recipient'], op: 'prefix', value: 'supplier-' }],
      },
    },
  },
  data: { iban: { do: 'sanitize', method: 'mask' }, card: { do: 'deny' } },
  approvals: { min_approvers: 1, ttl_s: 900 },
})

function call(args: Record<string, unknown>, changes: Partial<PolicyInput> = {}): PolicyInput {
  return {
    call: { tool: 'pay', action: 'create', arguments: args as PolicyInput['call']['arguments'], door: 'decision_api' },
    agent: { id: 'smoke-agent', policyJson },
    tenant: { id: 'smoke', zone: 'here', home_region: 'here-1', binding: 'zone', mode: 'enforce' },
    tool: { name: 'pay', action: 'create', effect: 'write', zones: ['here'], risk: 'low', drift: false },
    data: { classes: [], findings: [], findings_total: 0 },
    chain: null,
    budget: null,
    approval: null,
    region: 'here-1',
    zone: 'here',
    now: { epoch_ms: 0 },
    ...changes,
  }
}

const fine = { amount: 1000, currency: 'eur', recipient: 'supplier-1' }
const found = (name: string) => ({ data: { classes: [name], findings: [{ path: '/memo', class: name }], findings_total: 1 } })

/** Calls that every module must answer like this, whatever an adopter adds: asked before activation, and to warm up. */
export const SMOKE_CALLS: readonly SmokeCall[] = [
  { name: 'allowed', input: call(fine), outcome: 'allow', codes: [] },
  { name: 'over the limit', input: call({ ...fine, amount: 1001 }), outcome: 'approval_needed', codes: ['amount_over_limit'] },
  { name: 'null amount', input: call({ ...fine, amount: null }), outcome: 'deny', codes: ['amount_invalid'] },
  { name: 'other recipient', input: call({ ...fine, recipient: 'x' }), outcome: 'deny', codes: ['parameter_not_allowed'] },
  { name: 'rewritten class', input: call(fine, found('iban')), outcome: 'sanitize', codes: ['data_class_sanitized'] },
  { name: 'refused class', input: call(fine, found('card')), outcome: 'deny', codes: ['data_class_denied'] },
  {
    name: 'unknown agent',
    input: call(fine, { agent: { id: 'nobody', policyJson: null } }),
    outcome: 'deny',
    codes: ['unknown_agent'],
  },
  {
    name: 'agent of another tenant',
    input: call(fine, { tenant: { id: 'other', zone: 'here', home_region: 'here-1', binding: 'zone', mode: 'enforce' } }),
    outcome: 'deny',
    codes: ['unknown_agent'],
  },
  {
    name: 'foreign zone',
    input: call(fine, { zone: 'elsewhere', region: 'elsewhere-1' }),
    outcome: 'deny',
    codes: ['foreign_zone'],
  },
]
