import type { Clock, ObjectArchive } from '../../model/ports.ts'
import { DAY_MS, dayFolder, parseName, type RecordedObject } from './object-name.ts'

/** What the processes of this region have recorded. Nothing older than the retention is there, even where the store still has it. */
export interface Recordings {
  /** Objects that may hold decisions from `sinceMs` on, newest first. Rejects when the bucket does not answer. */
  since(sinceMs: number): Promise<RecordedObject[]>
  /** Objects of one process that may hold what was decided between the two times, newest first. */
  ofNode(node: string, fromMs: number, toMs: number): AsyncGenerator<RecordedObject>
  /** The sealed bytes. Undefined when the object has gone. */
  read(object: RecordedObject): Promise<Uint8Array | undefined>
  /** Decisions before this are not to be told of, milliseconds since the epoch. */
  horizonMs(): number
}

/** An object is put some seconds after its first decision; a process that stalls, or a clock that is set, may take longer. */
export const SPAN_MS = 10 * 60_000

export function regionRecordings(objects: Pick<ObjectArchive, 'list' | 'get'>, clock: Clock, retentionDays: number): Recordings {
  const horizonMs = () => clock.now() - retentionDays * DAY_MS
  const inFolder = async (folder: string, fromMs: number, toMs: number) =>
    (await objects.list(folder))
      .flatMap((key) => parseName(key) ?? [])
      .filter(({ firstMs }) => firstMs >= fromMs - SPAN_MS && firstMs <= toMs)
      .sort(newestFirst)

  return {
    async since(sinceMs) {
      const fromMs = Math.max(sinceMs, horizonMs())
      const toMs = clock.now() + SPAN_MS
      const found: RecordedObject[] = []
      for (const day of daysBack(toMs, fromMs - SPAN_MS)) found.push(...(await inFolder(dayFolder(day), fromMs, toMs)))
      return found.sort(newestFirst)
    },
    async *ofNode(node, fromMs, toMs) {
      const earliest = Math.max(fromMs, horizonMs())
      const latest = Math.min(toMs, clock.now() + SPAN_MS)
      for (const day of daysBack(latest, earliest - SPAN_MS)) yield* await inFolder(dayFolder(day, node), earliest, latest)
    },
    read: ({ key }) => objects.get(key),
    horizonMs,
  }
}

/** A time in each UTC day from the later one back to the earlier. */
function* daysBack(fromMs: number, downToMs: number): Generator<number> {
  const first = Math.floor(downToMs / DAY_MS)
  for (let day = Math.floor(fromMs / DAY_MS); day >= first; day--) yield day * DAY_MS
}

/** In one millisecond by name, so that every reader has the same order. */
function newestFirst(a: RecordedObject, b: RecordedObject): number {
  return b.firstMs - a.firstMs || (a.key < b.key ? 1 : -1)
}
