import { expect, test } from '@jest/globals'
import { type LedgerAct, LedgerConflictError, openLedger, StoreDamagedError } from '../../../runtime/control-plane/store/ledger.ts'
import { EMPTY_STATE } from '../../../runtime/control-plane/store/plane-state.ts'
import { memoryArchive } from '../memory-archive.ts'

const act = (kind: string): LedgerAct => ({ by: 'ana', kind, reason: 'because', facts: { x: 1 } })
const at = (seq: number) => ({ ...EMPTY_STATE, seq })

test('the last entry is the state, also for who opens it later', async () => {
  const store = memoryArchive()
  const ledger = openLedger(store)
  expect(await ledger.catchUp()).toBeUndefined()
  await ledger.append(act('one'), at(1), 10)
  await ledger.append(act('two'), at(2), 20)
  const later = openLedger(store)
  expect(await later.catchUp()).toMatchObject({ n: 2, kind: 'two', by: 'ana', atMs: 20, state: { seq: 2 } })
  expect((await later.read(0, 10)).map(({ kind }) => kind)).toEqual(['one', 'two'])
  expect((await later.read(1, 10)).map(({ n }) => n)).toEqual([2])
})

test('of two that write at once one comes first, and the other goes on from there', async () => {
  const store = memoryArchive()
  const [ana, ben] = [openLedger(store), openLedger(store)]
  await Promise.all([ana.catchUp(), ben.catchUp()])
  const wrote = await Promise.allSettled([ana.append(act('ana'), at(1), 0), ben.append(act('ben'), at(1), 0)])
  expect(wrote.map(({ status }) => status)).toEqual(['fulfilled', 'rejected'])
  expect((wrote[1] as PromiseRejectedResult).reason).toBeInstanceOf(LedgerConflictError)
  await ben.catchUp()
  expect((await ben.append(act('ben'), at(2), 0)).n).toBe(2)
})

test('what was written though its answer was lost is found to be written', async () => {
  const store = memoryArchive()
  const ledger = openLedger({
    ...store,
    // As the SDK does: a try whose answer is lost is followed by another.
    async create(key, body) {
      await store.create(key, body)
      return store.create(key, body)
    },
  })
  expect((await ledger.append(act('one'), at(1), 0)).n).toBe(1)
  expect(await openLedger(store).catchUp()).toMatchObject({ n: 1, kind: 'one' })
})

test('of two that write the very same at once, one comes first all the same', async () => {
  const store = memoryArchive()
  const ledgers = [openLedger(store), openLedger(store)]
  const wrote = await Promise.allSettled(ledgers.map((ledger) => ledger.append(act('same'), at(1), 0)))
  expect(wrote.map(({ status }) => status)).toEqual(['fulfilled', 'rejected'])
})

test('what was done is read once, and what came since is added', async () => {
  const store = memoryArchive()
  let reads = 0
  const counting = {
    ...store,
    get(key: string) {
      reads++
      return store.get(key)
    },
  }
  const ledger = openLedger(counting)
  for (let n = 1; n <= 70; n++) await ledger.append(act(`act ${n}`), at(n), n)
  const [first] = await Promise.all([ledger.acts(), ledger.acts()])
  expect(first.map(({ kind }) => kind)).toEqual(Array.from({ length: 70 }, (_, n) => `act ${n + 1}`))
  await openLedger(store).catchUp()
  await ledger.append(act('later'), at(71), 71)
  expect((await ledger.acts()).at(-1)).toMatchObject({ n: 71, kind: 'later' })
  expect(await ledger.acts()).toHaveLength(71)
  expect(reads).toBe(71)
})

test('refuses a history with a gap, and an entry that is none', async () => {
  const store = memoryArchive()
  const ledger = openLedger(store)
  for (const kind of ['one', 'two', 'three']) await ledger.append(act(kind), at(1), 0)
  const [first = '', second = '', third = ''] = [...store.objects.keys()]
  const kept = store.objects.get(second)
  store.objects.delete(second)
  await expect(openLedger(store).catchUp()).rejects.toThrow(StoreDamagedError)
  store.objects.set(second, kept as Uint8Array)
  for (const broken of ['{', '{}', Buffer.from(store.objects.get(first) ?? '').toString()]) {
    store.objects.set(third, Buffer.from(broken))
    await expect(openLedger(store).catchUp()).rejects.toThrow(/is no entry of the ledger/)
  }
})
