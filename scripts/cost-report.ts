import { type Price, type PriceList, priceOf } from '../config/prices.ts'
import { ASSUMPTIONS, type Assumptions } from './cost-assumptions.ts'
import type { CellUse, CostLine } from './cost-estimate.ts'

export interface CostReportInput {
  readonly lines: readonly CostLine[]
  readonly unpriced: readonly string[]
  /** The serving regions. What is in others is shared by all of them. */
  readonly regions: readonly (CellUse & { region: string })[]
  readonly prices: PriceList
  readonly assumptions: Assumptions
  /** Custom metrics of one region's gateways. */
  readonly metrics: number
}

export interface CostReport {
  readonly prices: { date: string; how: string }
  readonly currency: 'USD'
  readonly assumptions: Assumptions
  readonly regions: readonly RegionCost[]
  /** Outside of the serving regions, and what is there once for all of them. */
  readonly shared: { monthly: Price; drivers: readonly Driver[] }
  readonly total: { monthly: Price; per_million_decisions: Price | null }
  readonly unpriced_types: readonly string[]
}

export interface RegionCost {
  readonly region: string
  readonly gateways: number
  readonly decisions: number
  readonly monthly: Price
  /** What is paid though nobody calls. */
  readonly monthly_idle: Price
  readonly per_million_decisions: Price | null
  /** Of one more million: what really grows with calls, until another gateway starts. */
  readonly marginal_million: Price | null
  readonly drivers: readonly Driver[]
}

export interface Driver {
  readonly item: string
  readonly quantity: number
  readonly usd: Price
  /** Of the region's sum, by the middles. */
  readonly share: number
  readonly why: string
}

export function costReport({ lines, unpriced, regions, prices, assumptions, metrics }: CostReportInput): CostReport {
  const withMetrics = [...lines, ...regions.filter(({ tasks }) => tasks > 0).map(({ region }) => metricLine(prices, region, metrics))]
  const serving = new Set(regions.map(({ region }) => region))
  const total = sum(withMetrics)
  const calls = regions.reduce((all, region) => all + region.calls, 0)
  const shared = withMetrics.filter(({ region }) => !serving.has(region))
  return {
    prices: { date: prices.date, how: prices.how },
    currency: 'USD',
    assumptions,
    regions: regions.map((region) =>
      regionCost(
        region,
        withMetrics.filter((line) => line.region === region.region),
      ),
    ),
    shared: { monthly: sum(shared), drivers: driversOf(shared) },
    total: { monthly: total, per_million_decisions: perMillion(total, calls) },
    unpriced_types: unpriced,
  }
}

function regionCost({ region, tasks, calls }: CellUse & { region: string }, lines: readonly CostLine[]): RegionCost {
  const monthly = sum(lines)
  const growing = sum(lines.filter(({ kind }) => kind === 'per call'))
  return {
    region,
    gateways: tasks,
    decisions: calls,
    monthly,
    monthly_idle: sum(lines.filter(({ kind }) => kind === 'fixed')),
    per_million_decisions: perMillion(monthly, calls),
    marginal_million: perMillion(growing, calls),
    drivers: driversOf(lines),
  }
}

function metricLine(prices: PriceList, region: string, quantity: number): CostLine {
  const { low, high } = priceOf(prices, 'metric-month', region)
  return {
    region,
    stack: '',
    item: 'metric-month',
    quantity,
    usd: { low: low * quantity, high: high * quantity },
    kind: 'fixed',
    why: 'codesSeen',
  }
}

/** What the money goes to, most first: lines of one item together. */
function driversOf(lines: readonly CostLine[]): Driver[] {
  const all = middle(sum(lines))
  const items = [...new Set(lines.map(({ item }) => item))]
  return items
    .map((item) => {
      const own = lines.filter((line) => line.item === item)
      const usd = sum(own)
      const why = [...new Set(own.map((line) => line.why))].slice(0, 3).join('; ')
      return {
        item,
        quantity: own.reduce((quantity, line) => quantity + line.quantity, 0),
        usd,
        share: all === 0 ? 0 : middle(usd) / all,
        why,
      }
    })
    .toSorted((a, b) => middle(b.usd) - middle(a.usd))
}

const SHOWN_DRIVERS = 8

/** The report for people: totals, what drives them, and what was assumed. */
export function costText(report: CostReport): string {
  const lines = [
    `List prices of ${report.prices.date}, USD a month. ${report.prices.how}`,
    '',
    ...report.regions.flatMap((region) => [
      `${region.region}: ${money(region.monthly)}, of which ${money(region.monthly_idle)} when nobody calls (${region.gateways} gateways)`,
      ...(region.per_million_decisions === null || region.marginal_million === null
        ? []
        : [
            `  ${(region.decisions / 1e6).toFixed(0)} million decisions: ${money(region.per_million_decisions)} each million, ${money(region.marginal_million)} one more`,
          ]),
      ...driverLines(region.drivers),
      '',
    ]),
    `outside of these regions: ${money(report.shared.monthly)}`,
    ...driverLines(report.shared.drivers),
    '',
    `all: ${money(report.total.monthly)}${report.total.per_million_decisions === null ? '' : `, ${money(report.total.per_million_decisions)} each million decisions`}`,
    '',
    'Assumed (change one with --set <name>=<number>):',
    ...Object.entries(ASSUMPTIONS).map(
      ([name, { unit, why }]) => `  ${name} = ${report.assumptions[name as keyof Assumptions]} ${unit}: ${why}`,
    ),
    '',
    `Not priced: ${report.unpriced_types.length === 0 ? 'nothing' : report.unpriced_types.join(', ')}. Not counted: support, tax, CI, your tools, models behind them.`,
  ]
  return `${lines.join('\n')}\n`
}

function driverLines(drivers: readonly Driver[]): string[] {
  return drivers
    .slice(0, SHOWN_DRIVERS)
    .map(({ item, usd, share, why }) => `  ${`${(100 * share).toFixed(0)} %`.padStart(5)}  ${money(usd).padEnd(16)} ${item} (${why})`)
}

function sum(lines: readonly CostLine[]): Price {
  return lines.reduce(({ low, high }, { usd }) => ({ low: low + usd.low, high: high + usd.high }), { low: 0, high: 0 })
}

const middle = ({ low, high }: Price) => (low + high) / 2

function perMillion({ low, high }: Price, calls: number): Price | null {
  return calls === 0 ? null : { low: (low / calls) * 1e6, high: (high / calls) * 1e6 }
}

/** No more digits than an estimate has: cents below 100, whole dollars above. */
function money({ low, high }: Price): string {
  const one = (usd: number) => (usd < 100 ? usd.toFixed(2) : usd.toFixed(0))
  return one(low) === one(high) ? `$${one(low)}` : `$${one(low)} to $${one(high)}`
}
