import type { Tenant } from '../model/zones.ts'
import { type AgentDocument, agentIds, type Budget, budgetOf } from './agent-document.ts'
import type { Grant } from './directory.ts'

/** Periods that grants are issued for: today's and those ahead, which a region goes on with while the control plane is gone. */
const PERIODS = 3
const DAY_MS = 86_400_000

/** What the control plane says that a budget amounts to, in place of what the agent's document says. */
export interface BudgetAmount {
  amount: number
  /** Tenant and unit that the amount was meant for: under another tenant's agent of this name, or as calls, it would be another thing. */
  tenant: string
  unit: string
}

/**
 * The grants of every budget: its amount, split over the regions where the tenant may spend. Over the regions of one period they add up
 * to the amount exactly.
 *
 * @param issued grants that regions may already have spent from. For a budget and period that is among them the regions and their order
 *   stay as they were and only the amount is split anew, so that no region gets again what another has spent. Without it, a tenant that
 *   moves its home or binding, or a region that joins, could spend more than the amount on the day of the change.
 * @param amounts by agent, in place of the documents'. They hold from now on, also for periods that were issued with another amount
 */
export function grantsFor(
  agents: readonly AgentDocument[],
  tenants: readonly Tenant[],
  zones: Readonly<Record<string, readonly string[]>>,
  nowMs: number,
  issued: readonly Grant[] = [],
  amounts: ReadonlyMap<string, BudgetAmount> = new Map(),
): Grant[] {
  const byId = new Map(tenants.map((tenant) => [tenant.id, tenant]))
  const before = Map.groupBy(issued, budgetId)
  const periods = Array.from({ length: PERIODS }, (_, days) => periodAt(nowMs + days * DAY_MS))
  return agents.flatMap((document) => {
    const budget = budgetOf(document)
    const tenant = byId.get(document.tenant)
    if (budget === null || tenant === undefined) return []
    return agentIds(document).flatMap((agent) => {
      const amount = amountFor(amounts.get(agent), tenant.id, budget)
      return periods.flatMap((period) => {
        const about = { agent, tenant: tenant.id, period, unit: budget.unit }
        const standing = before.get(budgetId(about))?.map(({ region }) => region)
        const regions = standing === undefined ? spendingRegions(tenant, zones) : [...new Set(standing)]
        return split(amount, regions).map(([region, part]) => ({ ...about, region, amount: part }))
      })
    })
  })
}

function amountFor(instead: BudgetAmount | undefined, tenant: string, budget: Budget): number {
  return instead !== undefined && instead.tenant === tenant && instead.unit === budget.unit ? instead.amount : budget.amount
}

/** The UTC day of a time, `2026-11-22`. */
function periodAt(ms: number): string {
  return new Date(ms).toISOString().slice(0, 10)
}

const budgetId = ({ agent, tenant, period, unit }: Pick<Grant, 'agent' | 'tenant' | 'period' | 'unit'>) =>
  `${tenant} ${agent} ${period} ${unit}`

/** Home first. Sorted otherwise, so that the order in a configuration file decides nothing. */
function spendingRegions({ binding, zone, homeRegion }: Tenant, zones: Readonly<Record<string, readonly string[]>>): string[] {
  const regions = binding === 'none' ? Object.values(zones).flat() : Object.hasOwn(zones, zone) ? (zones[zone] ?? []) : []
  const sorted = [...new Set(regions)].sort()
  return homeRegion === null || !sorted.includes(homeRegion) ? sorted : [homeRegion, ...sorted.filter((region) => region !== homeRegion)]
}

/**
 * Equal parts; what does not divide goes to the first regions, one unit each. So a larger amount gives every region at least what a smaller
 * one does: while a change of the amount is on its way, regions with the old and with the new one together stay below the larger.
 */
function split(amount: number, regions: readonly string[]): [string, number][] {
  const part = Math.floor(amount / regions.length)
  const rest = amount - part * regions.length
  return regions.map((region, index) => [region, part + (index < rest ? 1 : 0)])
}
