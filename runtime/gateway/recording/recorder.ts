import type { Clock, ObjectStore } from '../../model/ports.ts'
import { type Asked, parseRecorded, type RecordedDecision } from '../../policy/replay/recorded.ts'
import type { Arrival } from '../arrival.ts'
import type { Ending } from '../journal.ts'
import { repeat } from '../region/repeat.ts'
import type { Judged, JudgementWatcher, Place } from '../services.ts'
import { objectName } from './object-name.ts'
import { pack } from './packed.ts'
import { askedOf, recordingOf } from './recording-of.ts'
import { isSampled } from './sampled.ts'
import type { RecordingKeys } from './sealed.ts'

/** Keeps what policy was asked, for replays and for explaining. It never slows or fails a decision: what it cannot keep it drops and counts. */
export interface Recorder extends JudgementWatcher {
  /** The call has ended: with its verdict, or with an error. */
  ended(arrival: Arrival, ending: Ending): void
  /** A decision that this process has not stored yet. */
  find(decisionId: string): RecordedDecision | undefined
  counts(): Readonly<RecorderCounts>
  /** Stores all that waits. Never rejects. */
  flush(): Promise<void>
  /** Stores every `intervalMs`. @returns stops, and stores the rest */
  start(intervalMs: number): () => Promise<void>
}

/** Decisions since the start. `recorded` are stored, waiting, or dropped: the buffer was full, or the bucket did not take them. */
export interface RecorderCounts {
  recorded: number
  stored: number
  waiting: number
  dropped: number
}

export interface RecorderOptions {
  place: Place
  /** Name of this process, which its decision ids end with. */
  node: string
  clock: Clock
  /** Of a hundred decisions, by a hash of their ids. */
  percent: number
  objects: Pick<ObjectStore, 'put'>
  keys: RecordingKeys
  log: (event: object) => void
  limits?: Partial<RecorderLimits>
}

export interface RecorderLimits {
  /** Characters of one object, before packing. */
  objectChars: number
  /** Characters that may wait in memory. */
  bufferedChars: number
  /** Judgements whose call has not ended yet. */
  openMax: number
  /** A longer line is nothing that a call of usual facts gives. */
  lineChars: number
}

const LIMITS: RecorderLimits = { objectChars: 1024 * 1024, bufferedChars: 16 * 1024 * 1024, openMax: 4096, lineChars: 64 * 1024 }

interface Batch {
  firstMs: number
  ids: string[]
  lines: string[]
  chars: number
}

export function createRecorder({ place, node, clock, percent, objects, keys, log, limits }: RecorderOptions): Recorder {
  const { objectChars, bufferedChars, openMax, lineChars } = { ...LIMITS, ...limits }
  const counts: RecorderCounts = { recorded: 0, stored: 0, waiting: 0, dropped: 0 }
  /** Judged and not ended, oldest first. */
  const open = new Map<string, Asked | null>()
  let batch = emptyBatch()
  /** Full ones, oldest first. The one being stored stays at the front until it is. */
  const full: Batch[] = []
  let waitingChars = 0
  let objectsPut = 0
  let storing: Promise<void> | undefined

  const close = () => {
    if (batch.lines.length === 0) return
    full.push(batch)
    batch = emptyBatch()
  }

  const keep = (recorded: RecordedDecision) => {
    counts.recorded++
    const line = JSON.stringify(recorded)
    if (line.length > lineChars || waitingChars + line.length > bufferedChars) {
      counts.dropped++
      return
    }
    if (batch.lines.length === 0) batch.firstMs = recorded.at_ms
    batch.ids.push(recorded.decision_id)
    batch.lines.push(line)
    batch.chars += line.length
    waitingChars += line.length
    counts.waiting++
    if (batch.chars >= objectChars) {
      close()
      void store()
    }
  }

  const putFirst = async ({ firstMs, lines }: Batch) => {
    const name = objectName({ node, firstMs, n: objectsPut++ })
    const [key] = await keys()
    if (key === undefined) throw new Error('the region has no key for recordings')
    await objects.put(name, await pack(lines, name, key))
  }

  const storeAll = async () => {
    for (let next = full[0]; next !== undefined; next = full[0]) {
      const decisions = next.lines.length
      try {
        await putFirst(next)
        counts.stored += decisions
      } catch (error) {
        counts.dropped += decisions
        log({ event: 'recording_failed', decisions, detail: String(error) })
      }
      full.shift()
      counts.waiting -= decisions
      waitingChars -= next.chars
    }
  }

  const store = () => {
    storing ??= storeAll().finally(() => {
      storing = undefined
    })
    return storing
  }

  const flush = async () => {
    close()
    await store()
    // A batch that was closed while the last of the others was being taken away.
    if (full.length > 0) await store()
  }

  return {
    judged(event: Judged) {
      const { decisionId } = event
      if (!isSampled(decisionId, percent)) return
      // A call that is judged once more is recorded as it was judged last.
      open.set(decisionId, askedOf(event, place, clock.now()))
      if (open.size > openMax) open.delete(open.keys().next().value ?? '')
    },
    ended(arrival, ending) {
      const { decisionId } = arrival
      const asked = open.get(decisionId) ?? null
      open.delete(decisionId)
      if (!isSampled(decisionId, percent)) return
      const recorded = recordingOf(arrival, ending, asked, clock.now())
      if (recorded !== undefined) keep(recorded)
    },
    find(decisionId) {
      for (const { ids, lines } of [batch, ...full]) {
        const line = lines[ids.indexOf(decisionId)]
        if (line !== undefined) return parseRecorded(line)
      }
      return undefined
    },
    counts: () => ({ ...counts }),
    flush,
    start(intervalMs) {
      const stop = repeat(flush, intervalMs)
      return async () => {
        await stop()
        await flush()
      }
    },
  }
}

function emptyBatch(): Batch {
  return { firstMs: 0, ids: [], lines: [], chars: 0 }
}
