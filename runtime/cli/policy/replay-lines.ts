import { table } from '../overview.ts'
import type { Replay, ReplayResult } from './answers.ts'
import { number, span } from './span.ts'
import { wrap } from './wrap.ts'

/** What would have been decided otherwise, by region and in all. */
export function replayLines({ regions }: Replay, columns: number): string[] {
  const answered = regions.flatMap(({ region, result }) => (result === null || result.error ? [] : [{ region, result }]))
  const total = totalOf(answered.map(({ result }) => result))
  const rows = answered.map(({ region, result }) => row(region, result))
  return [
    '',
    ...aligned([COLUMNS, ...rows, ...(rows.length > 1 ? [row('in all', total)] : [])]),
    ...regions.flatMap(({ region, result }) => {
      if (result === null) return [`${region} has not answered`]
      return result.error ? wrap('', `${region} could not: ${result.error}`, columns) : []
    }),
    ...(answered.length === 0 ? [] : changedLines(total, columns)),
  ]
}

/** Regions added up. */
export function totalOf(results: readonly ReplayResult[]): ReplayResult {
  const sum = (of: (result: ReplayResult) => number) => results.reduce((total, result) => total + of(result), 0)
  const tallies = (of: (result: ReplayResult) => Record<string, number>) =>
    merged(results.map(of), (one: number | undefined, other) => (one ?? 0) + other)
  const ids = merged(
    results.map((result) => result.decision_ids),
    (one: string[] | undefined, other) => [...(one ?? []), ...other],
  )
  return {
    replayed: sum((one) => one.replayed),
    unanswerable: sum((one) => one.unanswerable),
    changes: tallies((one) => one.changes),
    new_denies: sum((one) => one.new_denies),
    new_approvals: sum((one) => one.new_approvals),
    loosened: sum((one) => one.loosened),
    rules: tallies((one) => one.rules),
    tools: tallies((one) => one.tools),
    tenants: tallies((one) => one.tenants),
    decision_ids: ids,
    took_ms: Math.max(0, ...results.map((one) => one.took_ms ?? 0)),
  }
}

function merged<T>(records: readonly Record<string, T>[], add: (one: T | undefined, other: T) => T): Record<string, T> {
  const all = new Map<string, T>()
  for (const [key, value] of records.flatMap((record) => Object.entries(record))) all.set(key, add(all.get(key), value))
  return Object.fromEntries(all)
}

const COLUMNS = ['', 'replayed', 'would change', 'new denies', 'new approvals', 'loosened', 'not askable', 'took']

function row(name: string, { replayed, changes, new_denies, new_approvals, loosened, unanswerable, took_ms }: ReplayResult): string[] {
  const changed = Object.values(changes).reduce((total, count) => total + count, 0)
  const counts = [replayed, changed, new_denies, new_approvals, loosened, unanswerable].map(number)
  return [name, ...counts, took_ms === null || took_ms === undefined ? '-' : span(took_ms)]
}

/** Numbers end below each other. */
function aligned(rows: readonly (readonly string[])[]): string[] {
  const widths = COLUMNS.map((_, at) => Math.max(...rows.map((cells) => cells[at]?.length ?? 0)))
  return rows.map((cells) =>
    cells
      .map((cell, at) => (at === 0 ? cell.padEnd(widths[at] ?? 0) : cell.padStart(widths[at] ?? 0)))
      .join('  ')
      .trimEnd(),
  )
}

const SHOWN = 10
const SHOWN_IDS = 5

function changedLines({ changes, rules, tools, tenants, decision_ids, unanswerable }: ReplayResult, columns: number): string[] {
  const unasked =
    unanswerable === 0
      ? []
      : wrap('', `${number(unanswerable)} cannot be judged by it: their facts are not those that its registry reads`, columns)
  if (Object.keys(changes).length === 0) return ['', 'nothing would have been decided otherwise', ...unasked]
  const ids = Object.entries(decision_ids).filter(([, some]) => some.length > 0)
  return [
    ...top('would change', changes),
    ...top('by rule', rules),
    ...top('by tool', tools),
    ...top('by tenant', tenants),
    ...(ids.length === 0 ? [] : ['', 'the first of them']),
    ...ids.flatMap(([change, some]) => wrap(`  ${change.replace('>', ' > ')}  `, some.slice(0, SHOWN_IDS).join(' '), columns)),
    ...(ids.length === 0 ? [] : ['  why: npm run -s aegis -- explain <id>']),
    ...(unasked.length === 0 ? [] : ['', ...unasked]),
  ]
}

/** The most frequent. */
function top(title: string, counts: Record<string, number>): string[] {
  const sorted = Object.entries(counts).sort(([a, one], [b, other]) => other - one || a.localeCompare(b))
  if (sorted.length === 0) return []
  const shown = sorted.slice(0, SHOWN)
  const width = Math.max(...shown.map(([, count]) => number(count).length))
  const more = sorted.length - shown.length
  return [
    '',
    title,
    ...table(shown.map(([key, count]) => [number(count).padStart(width), key.replace('>', ' > ')])),
    ...(more === 0 ? [] : [`  and ${more} more`]),
  ]
}
