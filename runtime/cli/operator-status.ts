import { z } from 'zod'
import type { RunningFabric } from './fabric-client.ts'
import { killRow, listKills } from './kills.ts'
import { askOperator, NoAnswerError, operatorToken, orRefused } from './operator-client.ts'
import { table } from './overview.ts'

const budgetSchema = z.object({
  agent: z.string(),
  /** A UTC day. */
  period: z.string(),
  unit: z.string(),
  granted: z.int(),
  /** From and to other regions. */
  received: z.int().default(0),
  given: z.int().default(0),
  leased: z.int(),
  spent: z.int(),
  stranded: z.int(),
})
export type ShownBudget = z.output<typeof budgetSchema>

const homeSchema = z.object({ tenant: z.string(), active_region: z.string().nullable(), serves: z.boolean() })

/** Of `GET /v1/status` of a region. */
const regionStatus = z.object({
  homes: z.array(homeSchema).default([]),
  budgets: z.array(budgetSchema).default([]),
  /** Calls that shadow mode let pass, by tenant, tool, rule and reason. */
  softened: z.record(z.string(), z.int()).default({}),
})
export type OperatorStatus = z.output<typeof regionStatus>

/** What a region says of itself to operators. @throws CommandError */
export async function operatorStatus(fabric: RunningFabric, region: string): Promise<OperatorStatus> {
  const reply = await askOperator(fabric, region, { method: 'GET', path: '/v1/status', token: operatorToken(fabric, 'viewer') })
  return regionStatus.parse(orRefused(reply, `the status of ${region}`))
}

/** This region's parts of its agents' budgets. @throws CommandError */
export async function budgetsOf(fabric: RunningFabric, region: string): Promise<readonly ShownBudget[]> {
  return (await operatorStatus(fabric, region)).budgets
}

/** Kill switches, homes, budgets and what shadow mode let pass, as lines. A region that does not answer has a line that says so. */
export async function operatorLines(fabric: RunningFabric): Promise<string[]> {
  if (fabric.operator_tokens === undefined) return []
  const asked = fabric.regions
    .filter(({ operator }) => operator !== undefined)
    .map(async ({ region }) => {
      const told = await answered(Promise.all([operatorStatus(fabric, region), listKills(fabric, region)]))
      return { region, told }
    })
  const regions = await Promise.all(asked)
  const silent = regions.filter(({ told }) => told === undefined).map(({ region }) => `${region}: the operator API does not answer`)
  const known = regions.flatMap(({ region, told }) => (told === undefined ? [] : [{ region, status: told[0], kills: told[1].kills }]))
  // Kill switches reach every region: what one of them has not heard of yet, another tells.
  const kills = new Map(known.flatMap((one) => one.kills.map((kill) => [kill.id, kill])))
  return [
    ...silent,
    ...titled('kill switches', ['id', 'stops', 'reason', 'by', 'at'], [...kills.values()].map(killRow)),
    ...titled('tenants bound to a region', ['tenant', 'active region', 'says', 'serves there'], known.flatMap(homeRows)),
    ...titled(
      'budgets',
      BUDGET_COLUMNS,
      known.flatMap(({ region, status }) => status.budgets.map((budget) => budgetRow(region, budget))),
    ),
    ...titled('let pass by shadow mode', ['region', 'calls', 'tenant, tool, rule, reason'], known.flatMap(softenedRows)),
  ]
}

interface Known {
  region: string
  status: OperatorStatus
}

/** Where regions do not agree each of them has its line. */
const homeRows = ({ region, status }: Known) =>
  status.homes.map(({ tenant, active_region, serves }) => [tenant, active_region ?? '-', region, serves ? 'yes' : 'no'])

const BUDGET_COLUMNS = ['region', 'agent', 'day', 'unit', 'granted', 'moved', 'leased', 'spent', 'stranded']

const budgetRow = (region: string, { agent, period, unit, granted, received, given, leased, spent, stranded }: ShownBudget) => [
  region,
  agent,
  period,
  unit,
  ...[granted, received - given, leased, spent, stranded].map(String),
]

const softenedRows = ({ region, status }: Known) => Object.entries(status.softened).map(([what, calls]) => [region, String(calls), what])

/** A table under a title; nothing when it has but its heading. */
function titled(title: string, heading: string[], rows: string[][]): string[] {
  return rows.length === 0 ? [] : [`${title}:`, ...table([heading, ...rows])]
}

async function answered<T>(promise: Promise<T>): Promise<T | undefined> {
  try {
    return await promise
  } catch (error) {
    if (error instanceof NoAnswerError) return undefined
    throw error
  }
}
