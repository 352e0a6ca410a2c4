import { availableParallelism } from 'node:os'
import { emptyTally, mergeTally, type Tally } from '../../policy/replay/tally.ts'
import type { RecordedObject } from '../recording/object-name.ts'
import type { Recordings } from '../recording/recordings.ts'
import type { Child, StartChild } from './children.ts'
import type { Briefing } from './messages.ts'

export interface ReplayRun {
  recordings: Pick<Recordings, 'since' | 'read' | 'horizonMs'>
  briefing: Omit<Briefing, 'kind'>
  /** At most so many of the newest decisions. */
  limit: number
  startChild: StartChild
  /** Ends the run. */
  signal: AbortSignal
  processes?: number
}

/** `unreadable`: objects that could not be read, by why. */
export interface Replayed {
  tally: Tally
  unreadable: Record<string, number>
}

/** More would only wait for the objects. */
const PROCESSES_MAX = 8
/** An object that ends its child twice is not tried again. */
const TRIES = 2

/**
 * Replays the newest recorded decisions, object by object, on all cores. Objects are counted in their order however they come back, so that
 * the same recordings give the same tally.
 *
 * @throws Error when the bucket does not answer, a child cannot be started, or the run is ended
 */
export async function runReplay(run: ReplayRun): Promise<Replayed> {
  const { recordings, briefing, limit, signal } = run
  const sinceMs = Math.max(briefing.sinceMs, recordings.horizonMs())
  const objects = await recordings.since(sinceMs)
  const counted = inOrder(objects, limit)
  const children: Child[] = []
  const stop = () => {
    for (const child of children) child.kill()
  }
  signal.addEventListener('abort', stop)
  const start = async () => {
    const child = await run.startChild({ ...briefing, sinceMs })
    children.push(child)
    // Ended while it was being started.
    if (signal.aborted) child.kill()
    return child
  }
  const work = async () => {
    let child: Child | undefined
    for (let next = counted.next(); next !== undefined && !signal.aborted; next = counted.next()) {
      const stored = await recordings.read(next.object)
      if (stored === undefined) {
        // Expired since it was listed, or taken away: the first is nothing to speak of.
        counted.done(next, next.object.firstMs < recordings.horizonMs() ? { tally: emptyTally() } : { fault: 'missing' })
        continue
      }
      try {
        child ??= await start()
        const said = await child.replay({ name: next.object.key, stored, limit: next.limit })
        if (said.kind === 'refused') throw new Error(said.fault)
        counted.done(next, said.kind === 'replayed' ? { tally: said.tally } : { fault: said.fault })
      } catch (error) {
        child?.kill()
        child = undefined
        if (next.tries >= TRIES || signal.aborted) throw error
        counted.again(next)
      }
    }
  }
  try {
    const processes = Math.min(run.processes ?? availableParallelism(), PROCESSES_MAX, objects.length)
    await Promise.all(Array.from({ length: processes }, work))
    if (signal.aborted) throw new Error('the replay was ended')
    return counted.result()
  } finally {
    signal.removeEventListener('abort', stop)
    stop()
  }
}

interface Task {
  index: number
  object: RecordedObject
  limit: number
  tries: number
}

type Done = { tally: Tally } | { fault: string }

/** Gives objects out and adds their tallies up in their order, until there are as many decisions as are asked for. */
function inOrder(objects: readonly RecordedObject[], limit: number) {
  const tally = emptyTally()
  const unreadable: Record<string, number> = {}
  const waiting = new Map<number, Done>()
  const returned: Task[] = []
  let given = 0
  let added = 0
  const seen = () => tally.replayed + tally.unanswerable

  const addWaiting = () => {
    for (let next = waiting.get(added); next !== undefined && seen() < limit; next = waiting.get(added)) {
      const object = objects[added]
      waiting.delete(added)
      if ('tally' in next && seen() + next.tally.replayed + next.tally.unanswerable > limit && object !== undefined) {
        // The last one, of which only the newest are wanted. Not known when it was given out.
        returned.push({ index: added, object, limit: limit - seen(), tries: 0 })
        return
      }
      if ('tally' in next) mergeTally(tally, next.tally)
      else unreadable[next.fault] = (unreadable[next.fault] ?? 0) + 1
      added++
    }
  }

  return {
    next(): Task | undefined {
      if (seen() >= limit) return undefined
      const again = returned.shift()
      if (again !== undefined) return { ...again, tries: again.tries + 1 }
      const object = objects[given]
      return object === undefined ? undefined : { index: given++, object, limit: limit - seen(), tries: 1 }
    },
    done({ index }: Task, done: Done): void {
      waiting.set(index, done)
      addWaiting()
    },
    again(task: Task): void {
      returned.push(task)
    },
    result: (): Replayed => ({ tally, unreadable }),
  }
}
