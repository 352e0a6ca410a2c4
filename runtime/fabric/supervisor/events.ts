/** What happened in the fabric, in order: what drills measure by. Kept in memory, per start. */
export interface EventLog {
  append(event: FabricEvent): void
  /** Events with a sequence number above `seq`, oldest first. */
  after(seq: number): StoredEvent[]
  last(): number
}

export type FabricEvent = ProcessEvent | HealthEvent

export interface ProcessEvent {
  type: 'process'
  /** Milliseconds since the epoch; see `nowMs`. */
  at_ms: number
  region?: string
  name: string
  event: 'started' | 'ready' | 'exited'
  pid?: number
  signal?: string
  exit_code?: number
}

export interface HealthEvent {
  type: 'health'
  at_ms: number
  region: string
  state: 'healthy' | 'unhealthy'
}

export type StoredEvent = FabricEvent & { seq: number }

/** Milliseconds since the epoch that never run back while the process lives, comparable between processes of one machine. */
export const nowMs = () => performance.timeOrigin + performance.now()

export function eventLog(keep = 20_000): EventLog {
  const events: StoredEvent[] = []
  let last = 0
  return {
    append(event) {
      events.push({ seq: ++last, ...event })
      // Cut in large steps: shifting an array for each event would cost its length every time.
      if (events.length >= 2 * keep) events.splice(0, events.length - keep)
    },
    after(seq) {
      const oldest = events[0]?.seq ?? last + 1
      return events.slice(Math.max(0, seq + 1 - oldest))
    },
    last: () => last,
  }
}
