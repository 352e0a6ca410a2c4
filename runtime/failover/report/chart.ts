import type { JournalEvent } from '../journal.ts'

// Success over time in one line of text a client: █ all calls of the interval succeeded, ▁ none did, · no call.

const LEVELS = '▁▂▃▄▅▆▇'
const FULL = '█'
const NONE = '·'
const WIDTH_MAX = 100

export interface Chart {
  /** Seconds that one character stands for. */
  columnS: number
  fromMs: number
  toMs: number
  lines: { client: string; line: string }[]
}

/** One character a second, or as many seconds as it takes to fit the width. Calls count when they were due. */
export function chartOf(events: readonly JournalEvent[], clients: readonly string[], fromMs: number, toMs: number): Chart {
  const columnS = Math.max(1, Math.ceil((toMs - fromMs) / 1000 / WIDTH_MAX))
  const columns = columnsOf(fromMs, toMs, columnS)
  const lines = clients.map((client) => {
    const cells = Array.from({ length: columns }, () => ({ attempted: 0, succeeded: 0 }))
    for (const event of events) {
      if (event.type !== 'probe' || event.client !== client || event.dueMs < fromMs || event.dueMs >= toMs) continue
      const cell = cells[columnOf(event.dueMs, fromMs, columnS)]
      if (cell === undefined) continue
      cell.attempted += 1
      if (event.ok) cell.succeeded += 1
    }
    return { client, line: cells.map(characterOf).join('') }
  })
  return { columnS, fromMs, toMs, lines }
}

/** A line of the same width with a letter where something happened. Of two in one column the first is kept, the second moves right. */
export function markLine({ columnS, fromMs, toMs }: Chart, marks: readonly { atMs: number; letter: string }[]): string {
  const cells = Array.from({ length: columnsOf(fromMs, toMs, columnS) }, () => ' ')
  for (const { atMs, letter } of marks.toSorted((a, b) => a.atMs - b.atMs)) {
    let column = Math.max(0, columnOf(atMs, fromMs, columnS))
    while (cells[column] !== undefined && cells[column] !== ' ') column += 1
    if (column < cells.length) cells[column] = letter
  }
  return cells.join('').trimEnd()
}

/** Whole columns only: what is left of the last one would look like an outage. */
function columnsOf(fromMs: number, toMs: number, columnS: number): number {
  return Math.max(1, Math.floor((toMs - fromMs) / 1000 / columnS))
}

function columnOf(atMs: number, fromMs: number, columnS: number): number {
  return Math.floor((atMs - fromMs) / 1000 / columnS)
}

/** A full block means every single call: one failure in a thousand shows. */
function characterOf({ attempted, succeeded }: { attempted: number; succeeded: number }): string {
  if (attempted === 0) return NONE
  if (succeeded === attempted) return FULL
  return LEVELS[Math.floor((succeeded / attempted) * LEVELS.length)] ?? NONE
}
