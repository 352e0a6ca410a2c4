import { createHash } from 'node:crypto'
import { expect, test } from '@jest/globals'
import { readerOf } from '../../../runtime/control-plane/opa/bundle-readers.ts'
import { waitSeconds } from '../../../runtime/control-plane/opa/prefer.ts'
import { waitingRoom } from '../../../runtime/control-plane/opa/waiting-room.ts'

test.each<[string | undefined, number | undefined]>([
  ['modes=snapshot,delta;wait=30', 30],
  ['modes=snapshot;wait=5', 5],
  ['wait=10', 10],
  ['respond-async, WAIT = 7', 7],
  ['wait="12"', 12],
  ['modes=snapshot,delta', undefined],
  ['wait=0', undefined],
  ['wait=1.5', undefined],
  ['wait=99999999999999999999', undefined],
  ['xwait=3', undefined],
  ['wait=3x', undefined],
  ['', undefined],
  [undefined, undefined],
])('Prefer %j waits for %j s', (prefer, seconds) => {
  expect(waitSeconds(prefer)).toBe(seconds)
})

test('a reader is known by its secret, whatever its place in the list', () => {
  const hash = (text: string) => createHash('sha256').update(text).digest('hex')
  const readers = {
    a: { zone: 'eu', secret_sha256: hash('sa') },
    b: { zone: 'us', secret_sha256: hash('sb') },
    broken: { zone: 'eu', secret_sha256: '' },
  }
  expect(readerOf(readers, 'Bearer sa')).toEqual({ name: 'a', zone: 'eu' })
  expect(readerOf(readers, 'bearer sb')).toEqual({ name: 'b', zone: 'us' })
  for (const other of ['Bearer ', 'Bearer', 'Bearer sa ', 'Bearer sa sb', `Bearer ${'x'.repeat(600)}`, 'sa', '', undefined])
    expect(readerOf(readers, other)).toBeUndefined()
})

test('what changed before a client has sat down keeps it from waiting', async () => {
  const room = waitingRoom({ placesMax: 1 })
  await room.wait({ isOver: () => true, timeoutMs: 60_000, gone: new AbortController().signal })
  await room.wait({ isOver: () => false, timeoutMs: 60_000, gone: AbortSignal.abort() })
  expect(room.size()).toBe(0)
})

test('a closed room keeps nobody and takes nobody in', async () => {
  const room = waitingRoom({ placesMax: 1 })
  const waits = room.wait({ isOver: () => false, timeoutMs: 60_000, gone: new AbortController().signal })
  expect([room.size(), room.hasPlace()]).toEqual([1, false])
  room.close()
  await waits
  await room.wait({ isOver: () => false, timeoutMs: 60_000, gone: new AbortController().signal })
  expect([room.size(), room.hasPlace()]).toEqual([0, false])
})
