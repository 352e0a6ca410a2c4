import { z } from 'zod'
import type { Money } from '../model/money.ts'
import { tenantId } from './tenants.ts'

// The words of agents/*.yaml. Objects are closed: a misspelt rule must not turn into no rule.

const id = z.string().regex(/^[a-z][a-z0-9-]{0,62}$/, 'must be lower case letters, digits and hyphens, at most 63 characters')

export const currency = z
  .string({ error: ({ input }) => (input === undefined ? 'is missing: say which currency the amount is in, such as eur' : undefined) })
  .regex(/^[a-z]{3}$/, 'must be a currency of three lower case letters such as eur (ISO 4217)')

export const minorUnits = z.int('must be a whole number of minor units (cents), at most 9007199254740991').min(0, 'must not be negative')

const duration = z.string().regex(/^[1-9]\d{0,5}(s|m|h)$/, 'must be a duration such as 90s, 15m or 2h')

const scalar = z.union([z.string(), z.int(), z.boolean()])

const constraint = z
  .strictObject({
    equals: scalar.optional().meta({ description: 'exactly this value' }),
    one_of: z.array(scalar).min(1).max(50).optional().meta({ description: 'one of these values' }),
    prefix: z.string().min(1).optional().meta({ description: 'a string that begins so' }),
    suffix: z.string().min(1).optional().meta({ description: 'a string that ends so' }),
    at_most: minorUnits.optional().meta({ description: 'a whole number from 0 up to this one' }),
  })
  .refine((rule) => Object.values(rule).some((value) => value !== undefined), {
    message: 'needs at least one of equals, one_of, prefix, suffix, at_most',
  })

const limit = z.strictObject({
  value: minorUnits.meta({ description: 'in minor units' }),
  currency,
  above: z.enum(['approval_needed', 'deny']).default('deny').meta({ description: 'what a larger amount is answered with' }),
})

const actionRule = z.strictObject({
  max_amount: z
    .union([limit, z.array(limit).min(1)])
    .optional()
    .meta({ description: 'required for an action whose registry entry names an amount; one limit a currency' }),
  params: z
    .record(z.string().min(1), constraint)
    .optional()
    .meta({ description: 'by argument name or JSON Pointer, which the registry must list in policy_reads; each must hold' }),
  rate: z
    .strictObject({ calls: z.int().min(1), per: z.enum(['second', 'minute', 'hour']) })
    .optional()
    .meta({
      description: 'most calls in a period, counted by each gateway process for itself; what must never be passed is a budget in calls',
    }),
  on_drift: z
    .enum(['deny', 'approval_needed', 'allow'])
    .default('deny')
    .meta({ description: 'when the tool is no longer the one that was registered' }),
})

const dataDo = z.enum(['allow', 'sanitize', 'deny'])

const dataRule = z.union([
  dataDo,
  z.strictObject({
    do: dataDo.default('allow').meta({ description: 'inside the zone' }),
    method: z.enum(['redact', 'mask', 'pseudonymize']).optional().meta({ description: 'how sanitize rewrites; redact by default' }),
    export: z
      .enum(['deny', 'approval_needed', 'allow'])
      .default('deny')
      .meta({ description: 'when the call leaves the zone and the class is still in it' }),
  }),
])

export const chainRule = z.union([
  z.strictObject({
    after: z.string().meta({ description: 'a tool or data class of an earlier call of the chain' }),
    deny: z.string().meta({ description: 'export, write, a tool or tool.action' }),
  }),
  z.strictObject({
    count: z.string().meta({ description: 'tool.action' }),
    from: z.int().min(1).meta({ description: 'the first call that the rule is about, from 1' }),
    do: z.enum(['approval_needed', 'deny']),
  }),
])

const period = z.literal('day').meta({ description: 'a day in UTC' })
const whole = z.int('must be a whole number, at most 9007199254740991').min(0, 'must not be negative')

const budget = z
  .union([
    z.strictObject({ period, amount: minorUnits.meta({ description: 'in minor units' }), currency }),
    z.strictObject({ period, calls: whole.meta({ description: 'most calls of any action' }) }),
    z.strictObject({ period, tokens: whole.meta({ description: 'most tokens, as the arguments in the registry role tokens say' }) }),
  ])
  .meta({ description: 'what the agent may spend, in all regions together: money, calls or tokens' })

export const agentDocument = z
  .strictObject({
    agent: id.optional().meta({ description: 'the agent that this document is for' }),
    agents: z.array(id).min(1).max(1000).optional().meta({ description: 'or several that share it' }),
    tenant: tenantId,
    zone: id.optional().meta({ description: 'the zone that the tenant is in, for readers; a publish refuses another one' }),
    mode: z
      .enum(['enforce', 'shadow'])
      .default('enforce')
      .meta({ description: 'shadow decides, and lets pass what only this document refuses' }),
    allowed_tools: z
      .record(z.string(), z.record(z.string(), actionRule))
      .meta({ description: 'by tool and action; anything else is denied' }),
    data: z.record(z.string(), dataRule).default({}).meta({ description: 'by data class or family' }),
    egress: z
      .array(
        z.strictObject({
          host: z
            .string()
            .max(253)
            .regex(
              /^([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z][a-z0-9-]{0,61}[a-z0-9]$/,
              'must be a host name in lower case, without scheme or wildcard',
            ),
          zone: id.optional().meta({ description: 'the zone that the host is in; absent, it lies outside every zone' }),
        }),
      )
      .default([]),
    approvals: z.strictObject({ min_approvers: z.int().min(1).max(10).default(1), ttl: duration.default('15m') }).prefault({}),
    chain: z.array(chainRule).default([]),
    budget: budget.optional(),
  })
  .refine(({ agent, agents }) => (agent === undefined) !== (agents === undefined), { message: 'needs either agent or agents' })

export type AgentDocument = z.output<typeof agentDocument>
export type ActionRule = z.output<typeof actionRule>
/** The limits of an action, one a currency; none when the document names none. */
export function limitsOf({ max_amount = [] }: ActionRule): readonly (Money & Pick<z.output<typeof limit>, 'above'>)[] {
  return Array.isArray(max_amount) ? max_amount : [max_amount]
}

/** A budget in one unit: an ISO 4217 code in lower case, `calls` or `tokens`. */
export interface Budget {
  period: 'day'
  /** Minor units of the currency, calls or tokens: a whole number. */
  amount: number
  unit: string
}

/** Currencies have three letters, so no currency is mistaken for one of the other units. */
export function budgetOf({ budget }: Pick<AgentDocument, 'budget'>): Budget | null {
  if (budget === undefined) return null
  if ('calls' in budget) return { period: budget.period, amount: budget.calls, unit: 'calls' }
  if ('tokens' in budget) return { period: budget.period, amount: budget.tokens, unit: 'tokens' }
  return { period: budget.period, amount: budget.amount, unit: budget.currency }
}

export type DataRule = z.output<typeof dataRule>
export type ChainRule = z.output<typeof chainRule>

const SECONDS = { s: 1, m: 60, h: 3600 } as const

/** `15m` -> 900 */
export function durationSeconds(text: string): number {
  return Number(text.slice(0, -1)) * SECONDS[text.slice(-1) as keyof typeof SECONDS]
}

export const PERIOD_SECONDS = { second: 1, minute: 60, hour: 3600 } as const

/** The agents that a document is for. */
export function agentIds({ agent, agents }: AgentDocument): readonly string[] {
  return agents ?? (agent === undefined ? [] : [agent])
}
