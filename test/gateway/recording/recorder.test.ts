import { unpack } from '../../../runtime/gateway/recording/packed.ts'
import { createRecorder, type RecorderOptions } from '../../../runtime/gateway/recording/recorder.ts'
import { regionRecordings } from '../../../runtime/gateway/recording/recordings.ts'
import { isSampled } from '../../../runtime/gateway/recording/sampled.ts'
import { keyOf } from '../../../runtime/gateway/recording/sealed.ts'
import { newDecisionId, newNode } from '../../../runtime/model/decision-id.ts'
import { parseRecorded } from '../../../runtime/policy/replay/recorded.ts'
import { type MemoryArchive, memoryArchive } from '../../support/memory-archive.ts'
import { arrivalOf, ending, judgedOf } from './events.ts'

const DAY_MS = 24 * 3_600_000
const node = newNode()
const key = keyOf(new Uint8Array(32).fill(7))
const place = { region: 'eu-west-1', zone: 'eu' }
let nowMs: number
let archive: MemoryArchive
let events: object[]
const clock = { now: () => nowMs, monotonic: () => nowMs }

beforeEach(() => {
  nowMs = Date.UTC(2026, 10, 27, 12)
  archive = memoryArchive()
  events = []
})

const recorderWith = (more: Partial<RecorderOptions> = {}) =>
  createRecorder({
    place,
    node,
    clock,
    percent: 100,
    objects: archive,
    keys: async () => [key],
    log: (event) => void events.push(event),
    ...more,
  })

function decide(recorder: ReturnType<typeof recorderWith>, args: Record<string, string | number> = { amount: 1, memo: 'secret' }): string {
  const id = newDecisionId(node)
  recorder.judged(judgedOf(id, args))
  recorder.ended(arrivalOf(id), ending())
  return id
}

const storedLines = async () => {
  const texts = await Promise.all([...archive.objects].map(([name, stored]) => unpack(stored, name, [key])))
  return texts.flatMap((text) => text.toString('utf8').split('\n')).map(parseRecorded)
}

test('what was asked is stored under day, process and time: with the declared arguments alone, and by which facts', async () => {
  const recorder = recorderWith()
  const id = decide(recorder)
  await recorder.flush()
  expect([...archive.objects.keys()]).toEqual([`inputs/2026-11-27/${node}/${nowMs}-0`])
  expect(await storedLines()).toMatchObject([
    {
      decision_id: id,
      at_ms: nowMs,
      tenant: 'acme-eu',
      agent: 'finance-agent',
      decision: 'allow',
      policy: {
        outcome: 'allow',
        input: { call: { arguments: { amount: 1 } }, agent: { id: 'finance-agent' } },
        basis: { reads: ['/amount'], budget_unit: null, chain_rules: false },
      },
    },
  ])
  expect(JSON.stringify(await storedLines())).not.toMatch(/secret|policyJson/)
  expect(recorder.counts()).toEqual({ recorded: 1, stored: 1, waiting: 0, dropped: 0 })
})

test('a call that is judged once more is recorded once, as it was judged last', async () => {
  const recorder = recorderWith()
  const id = newDecisionId(node)
  recorder.judged(judgedOf(id, { amount: 1 }))
  recorder.judged(judgedOf(id, { amount: 2 }))
  recorder.ended(arrivalOf(id), ending())
  await recorder.flush()
  expect((await storedLines()).map(({ policy }) => policy?.input.call.arguments)).toEqual([{ amount: 2 }])
})

test('a refusal is recorded without an input, and one of nobody known not at all', async () => {
  const recorder = recorderWith()
  recorder.ended(arrivalOf(newDecisionId(node)), ending({ decision: 'error', error: 'rate_limited' }))
  const { admitted: _admitted, ...stranger } = arrivalOf(newDecisionId(node))
  recorder.ended(stranger, ending({ decision: 'error', error: 'invalid_token' }))
  await recorder.flush()
  expect(await storedLines()).toMatchObject([{ decision: 'error', reasons: [{ code: 'rate_limited', rule: 'host' }], policy: null }])
})

test('what waits can be found, also while it is being stored', async () => {
  let put = () => {}
  const slow = {
    put: (name: string, body: Uint8Array) =>
      new Promise<void>((resolve) => {
        put = () => resolve(archive.put(name, body))
      }),
  }
  const recorder = recorderWith({ objects: slow })
  const id = decide(recorder)
  expect(recorder.find(id)?.decision_id).toBe(id)
  const flushed = recorder.flush()
  await new Promise((resolve) => setTimeout(resolve, 50))
  expect(recorder.find(id)?.decision_id).toBe(id)
  put()
  await flushed
  expect(recorder.find(id)).toBeUndefined()
  expect(recorder.find(newDecisionId(node))).toBeUndefined()
})

test('an object is put when it is full, without waiting for the next round', async () => {
  const recorder = recorderWith({ limits: { objectChars: 2000 } })
  for (let i = 0; i < 10; i++) decide(recorder)
  await new Promise((resolve) => setTimeout(resolve, 100))
  expect(archive.objects.size).toBeGreaterThan(1)
  await recorder.flush()
  expect(await storedLines()).toHaveLength(10)
})

test('memory is bounded while the bucket is slow: what does not fit is dropped and counted', async () => {
  const recorder = recorderWith({ objects: { put: () => new Promise(() => {}) }, limits: { objectChars: 2000, bufferedChars: 10_000 } })
  for (let i = 0; i < 1000; i++) decide(recorder)
  const { recorded, stored, waiting, dropped } = recorder.counts()
  expect(recorded).toBe(1000)
  expect(stored).toBe(0)
  expect(waiting + dropped).toBe(1000)
  expect(waiting).toBeGreaterThan(0)
  expect(waiting).toBeLessThan(20)
})

test('judgements whose calls never end do not pile up', () => {
  const recorder = recorderWith({ limits: { openMax: 10 } })
  const ids = Array.from({ length: 100 }, () => newDecisionId(node))
  for (const id of ids) recorder.judged(judgedOf(id, { amount: 1 }))
  recorder.ended(arrivalOf(ids[0] ?? ''), ending())
  recorder.ended(arrivalOf(ids[99] ?? ''), ending())
  // The first was let go of: its end is known, and not what was asked.
  expect(recorder.find(ids[0] ?? '')?.policy).toBeNull()
  expect(recorder.find(ids[99] ?? '')?.policy).not.toBeNull()
})

test('a line that is far too long is dropped', () => {
  const recorder = recorderWith({ limits: { lineChars: 100 } })
  decide(recorder)
  expect(recorder.counts()).toMatchObject({ recorded: 1, dropped: 1, waiting: 0 })
})

test('a failing bucket, or a key that cannot be had, loses what waited, counts it, and goes on', async () => {
  archive.away = new Error('away')
  const recorder = recorderWith()
  decide(recorder)
  await recorder.flush()
  expect(recorder.counts()).toMatchObject({ dropped: 1, waiting: 0 })
  expect(events).toEqual([{ event: 'recording_failed', decisions: 1, detail: 'Error: away' }])
  archive.away = undefined
  decide(recorder)
  await recorder.flush()
  expect(recorder.counts()).toMatchObject({ stored: 1, dropped: 1 })
  const keyless = recorderWith({ keys: async () => Promise.reject(new Error('no table')) })
  decide(keyless)
  await keyless.flush()
  expect(keyless.counts()).toMatchObject({ dropped: 1 })
})

test('stopping stores what is left', async () => {
  const recorder = recorderWith()
  const stop = recorder.start(60_000)
  decide(recorder)
  await stop()
  expect(await storedLines()).toHaveLength(1)
})

test('a share of the decisions is recorded, the same whenever it is asked', async () => {
  const ids = Array.from({ length: 4000 }, () => newDecisionId(node))
  const share = (percent: number) => ids.filter((id) => isSampled(id, percent)).length / ids.length
  expect(share(100)).toBe(1)
  expect(share(0)).toBe(0)
  expect(share(25)).toBe(share(25))
  expect(Math.abs(share(25) - 0.25)).toBeLessThan(0.05)
  const recorder = recorderWith({ percent: 0 })
  decide(recorder)
  expect(recorder.counts().recorded).toBe(0)
})

describe('what is older than the retention', () => {
  test('is not there, though the store has kept it', async () => {
    const recorder = recorderWith()
    decide(recorder)
    await recorder.flush()
    nowMs += 3 * DAY_MS
    decide(recorder)
    await recorder.flush()
    const seen = async (retentionDays: number) => (await regionRecordings(archive, clock, retentionDays).since(0)).length
    expect(await seen(30)).toBe(2)
    expect(await seen(2)).toBe(1)
    const ofNode: string[] = []
    for await (const { key: name } of regionRecordings(archive, clock, 2).ofNode(node, 0, Number.MAX_SAFE_INTEGER)) ofNode.push(name)
    expect(ofNode).toHaveLength(1)
  })

  test('objects come newest first, over the turn of a day, and other keys are passed over', async () => {
    nowMs = Date.UTC(2026, 10, 27, 23, 59)
    const recorder = recorderWith()
    for (let i = 0; i < 3; i++) {
      decide(recorder)
      await recorder.flush()
      nowMs += 60_000
    }
    await archive.put('inputs/2026-11-28/readme', Buffer.from('x'))
    const found = await regionRecordings(archive, clock, 30).since(nowMs - 3_600_000)
    expect(found.map(({ firstMs }) => nowMs - firstMs)).toEqual([60_000, 120_000, 180_000])
  })
})
