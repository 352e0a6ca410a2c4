import type { Recordings } from '../../../runtime/gateway/recording/recordings.ts'
import type { Child, StartChild } from '../../../runtime/gateway/replay/children.ts'
import { startChild } from '../../../runtime/gateway/replay/children.ts'
import type { Briefing } from '../../../runtime/gateway/replay/messages.ts'
import { type ReplayRun, runReplay } from '../../../runtime/gateway/replay/run.ts'
import { builtWasm } from '../../../runtime/policy/build.ts'
import { emptyTally, type Tally } from '../../../runtime/policy/replay/tally.ts'

const HORIZON_MS = 1000
const briefing: Omit<Briefing, 'kind'> = { wasm: new Uint8Array(), agents: new Map(), tools: new Map(), zones: {}, keys: [], sinceMs: 0 }

/** Objects of so many decisions each, newest first, whose bytes are their own index. */
function recordingsOf(sizes: readonly number[], gone: readonly number[] = []): Recordings {
  const objects = sizes.map((_, at) => ({ key: `o-${at}`, node: 'n', firstMs: 10_000 - at }))
  return {
    since: async () => objects,
    read: async ({ key }) => (gone.includes(Number(key.slice(2))) ? undefined : new Uint8Array([Number(key.slice(2))])),
    horizonMs: () => HORIZON_MS,
    async *ofNode() {},
  }
}

const tallyOf = (at: number, replayed: number): Tally => ({
  ...emptyTally(),
  replayed,
  decisionIds: { 'allow>deny': Array.from({ length: replayed }, (_, i) => `${at}.${i}`) },
})

/** Children that count, each answer after a while of its own. */
const counting =
  (sizes: readonly number[], slow: (at: number) => number = () => 0): StartChild =>
  async () => ({
    async replay({ stored, limit }) {
      const at = stored[0] ?? 0
      await new Promise((resolve) => setTimeout(resolve, slow(at)))
      return { kind: 'replayed', tally: tallyOf(at, Math.min(limit, sizes[at] ?? 0)) }
    },
    kill() {},
  })

function run(more: Partial<ReplayRun> & Pick<ReplayRun, 'recordings' | 'startChild'>) {
  return runReplay({ briefing, limit: 1000, signal: new AbortController().signal, processes: 3, ...more })
}

test('objects are counted in their order, however they come back', async () => {
  const sizes = [2, 2, 2, 2, 2, 2]
  const { tally, unreadable } = await run({ recordings: recordingsOf(sizes), startChild: counting(sizes, (at) => (at % 2 === 0 ? 20 : 0)) })
  expect(unreadable).toEqual({})
  expect(tally.replayed).toBe(12)
  expect(tally.decisionIds['allow>deny']).toEqual(sizes.flatMap((_, at) => [`${at}.0`, `${at}.1`]))
})

test.each([1, 2, 3, 5, 7, 11, 12, 100])('of a limit of %i exactly the newest are counted', async (limit) => {
  const sizes = [3, 1, 4, 2, 2]
  const { tally } = await run({ recordings: recordingsOf(sizes), startChild: counting(sizes, (at) => 10 - at), limit })
  const all = sizes.flatMap((size, at) => Array.from({ length: size }, (_, i) => `${at}.${i}`))
  expect(tally.replayed).toBe(Math.min(limit, 12))
  expect(tally.decisionIds['allow>deny']).toEqual(all.slice(0, limit))
})

test('nothing recorded is no error', async () => {
  const { tally } = await run({ recordings: recordingsOf([]), startChild: counting([]) })
  expect(tally).toEqual(emptyTally())
})

test('an object that is gone is told of, unless its time had come', async () => {
  const sizes = [1, 1, 1]
  const gone = { recordings: recordingsOf(sizes, [1]), startChild: counting(sizes) }
  expect(await run(gone)).toMatchObject({ tally: { replayed: 2 }, unreadable: { missing: 1 } })
  expect(await run({ ...gone, recordings: { ...gone.recordings, horizonMs: () => 20_000 } })).toMatchObject({ unreadable: {} })
})

describe('a child that ends', () => {
  const dying = (times: number): { start: StartChild; started: () => number; killed: () => number } => {
    let [deaths, started, killed] = [0, 0, 0]
    const start: StartChild = async () => {
      started++
      const child: Child = {
        async replay({ stored }) {
          if (stored[0] === 1 && deaths < times) {
            deaths++
            throw new Error('a replaying process ended with SIGKILL')
          }
          return { kind: 'replayed', tally: tallyOf(stored[0] ?? 0, 1) }
        },
        kill: () => void killed++,
      }
      return child
    }
    return { start, started: () => started, killed: () => killed }
  }

  test('once is replaced, and its object done again', async () => {
    const { start } = dying(1)
    const { tally } = await run({ recordings: recordingsOf([1, 1, 1]), startChild: start })
    expect(tally.decisionIds['allow>deny']).toEqual(['0.0', '1.0', '2.0'])
  })

  test('twice over the same object ends the run, and every other child', async () => {
    const { start, started, killed } = dying(2)
    await expect(run({ recordings: recordingsOf([1, 1, 1]), startChild: start })).rejects.toThrow('ended with SIGKILL')
    expect(killed()).toBeGreaterThanOrEqual(started())
  })
})

test('a run that is ended kills its children and has no result', async () => {
  const ended = new AbortController()
  let kill = () => {}
  const hanging: StartChild = async () => ({
    replay: () =>
      new Promise((_, reject) => {
        kill = () => reject(new Error('killed'))
        setTimeout(() => ended.abort(), 10)
      }),
    kill: () => kill(),
  })
  await expect(run({ recordings: recordingsOf([1]), startChild: hanging, signal: ended.signal, processes: 1 })).rejects.toThrow()
})

describe('a real child', () => {
  test('refuses a module that is none and an object that is not sealed, and says when it was killed', async () => {
    await expect(startChild({ ...briefing, wasm: Buffer.from('none') })).rejects.toThrow('the candidate cannot be loaded')
    const child = await startChild({ ...briefing, wasm: builtWasm() })
    expect(await child.replay({ name: 'o', stored: Buffer.from('not sealed'), limit: 1 })).toEqual({
      kind: 'unreadable',
      fault: 'malformed',
    })
    const asked = child.replay({ name: 'o', stored: new Uint8Array(20_000_000), limit: 1 })
    child.kill()
    await expect(asked).rejects.toThrow(/ended with SIGKILL|EPIPE|closed/)
    await expect(child.replay({ name: 'o', stored: new Uint8Array(1), limit: 1 })).rejects.toThrow(/ended with|closed/)
  })
})
