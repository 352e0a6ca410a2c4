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
