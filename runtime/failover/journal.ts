import { appendFileSync, mkdirSync } from 'node:fs'
import { dirname } from 'node:path'
import type { FabricEvent, FaultMark } from './faults/control.ts'

/** Why a call is not a success. `http_<status>` is an answer of the gateway, the rest never reached a verdict. */
export type FailureClass =
  | 'refused'
  | 'reset'
  | 'timeout'
  | 'dns'
  | 'proxy'
  | 'other'
  | 'bad_answer'
  | 'wrong_verdict'
  | 'foreign_zone'
  | `http_${number}`

/** One call of one client. Times: milliseconds since the epoch on the drill's clock. */
export interface ProbeResult {
  client: string
  call: string
  /** Whether the call opened a connection of its own, as most short-lived agents do. */
  connection: 'fresh' | 'kept'
  /** When the arrival schedule wanted it sent; `sentMs - dueMs` is the probe's own lag. */
  dueMs: number
  sentMs: number
  doneMs: number
  ok: boolean
  failure?: FailureClass
  /** Error code of the gateway, or decision that was not the expected one. */
  detail?: string
  /** Region that answered, as the answer says. */
  region?: string
  wrongVerdict: boolean
  residencyViolation: boolean
}

export type JournalEvent =
  | ({ type: 'probe' } & ProbeResult)
  | FabricEvent
  | { type: 'dns'; atMs: number; name: string; place: string; regions: string[] }
  | ({ type: 'fault'; fault: string; region: string; action: 'inject' | 'undo' } & FaultMark)
  | { type: 'step'; atMs: number; step: string; round: number; state: 'started' | 'passed' | 'failed'; detail?: string }

/** The moment an event is filed under. */
export function timeOf(event: JournalEvent): number {
  return event.type === 'probe' ? event.doneMs : event.atMs
}

/** Everything that happened, in memory for the measures and on disk for whoever doubts them. */
export interface Journal {
  readonly events: readonly JournalEvent[]
  add(...events: JournalEvent[]): void
}

/** @param file JSON Lines, appended as it happens, so that a killed drill leaves its traces. Absent: memory only */
export function openJournal(file?: string): Journal {
  const events: JournalEvent[] = []
  if (file !== undefined) mkdirSync(dirname(file), { recursive: true })
  return {
    events,
    add(...added) {
      events.push(...added)
      if (file === undefined || added.length === 0) return
      appendFileSync(file, added.map((event) => `${JSON.stringify(toWire(event))}\n`).join(''))
    },
  }
}

/** The same value with snake_case keys: the form of everything that leaves the process. */
export function toWire(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(toWire)
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(
    Object.entries(value).map(([key, inner]) => [key.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`), toWire(inner)]),
  )
}
