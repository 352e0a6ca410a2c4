import { sha256 } from '../../runtime/policy/file-hashes.ts'
import { directoryKey, type Pointer } from '../../runtime/state/pointers.ts'
import { type Issue, signedBundle, signedDirectory, type TestTrust, testSigner, testTrust } from '../support/gateway.ts'
import { testKey } from '../support/tokens.ts'
import { testRegion } from './revisions/region.ts'

let trust: TestTrust
beforeAll(async () => {
  trust = await testTrust()
})

const region = () => testRegion(trust)

test('activates what the pointer names, and raises both high-water marks', async () => {
  const { policies, publish, marks } = region()
  await policies.poll()
  expect(policies.current()).toBeUndefined()
  await publish({ seq: 3 })
  await policies.poll()
  expect(policies.current()).toMatchObject({ bundleSeq: 3, directorySeq: 3 })
  expect(marks).toEqual({ bundle: 3, directory: 3 })
})

test('moves on to a newer bundle, and takes a renewal of the same seq', async () => {
  const { policies, publish } = region()
  for (const seq of [1, 2, 2, 7]) {
    await publish({ seq })
    await policies.poll()
    expect(policies.current()?.bundleSeq).toBe(seq)
  }
})

describe('keeps the active policy and refuses', () => {
  const stranger = testKey()
  test.each<[string, Partial<Issue> | (() => Promise<Partial<Issue>>), string]>([
    ['an older one, though it is signed', { seq: 4 }, 'rolled_back'],
    ['one for another zone', { seq: 6, zone: 'us' }, 'wrong_zone'],
    ['one that has expired', { seq: 6, maxAgeMs: -1 }, 'expired'],
    ['one that is not valid yet', { seq: 6, nowMs: Date.now() + 3_600_000 }, 'not_yet_valid'],
    ['one signed by a stranger', async () => ({ seq: 6, signer: testSigner(await stranger) }), 'unknown_key'],
    [
      "one signed by a stranger under the control plane's key id",
      async () => ({ seq: 6, signer: { ...testSigner(await stranger), keyId: trust.control.publicJwk.kid } }),
      'bad_signature',
    ],
  ])('%s', async (_name, bad, fault) => {
    for (const what of ['bundle', 'directory'] as const) {
      const { policies, publish, lastFault, marks } = region()
      await publish({ seq: 5 })
      await policies.poll()
      const before = policies.current()
      const issue = typeof bad === 'function' ? await bad() : bad
      await (what === 'bundle' ? publish(issue, { seq: 6 }) : publish({ seq: 6 }, issue))
      await policies.poll()
      expect(policies.current()).toBe(before)
      expect(lastFault()).toBe(fault)
      expect(marks[what]).toBe(5)
    }
  })

  test('an altered bundle, and an altered directory', async () => {
    const { policies, publish, put, lastFault } = region()
    await publish({ seq: 5 })
    await policies.poll()
    const before = policies.current()
    const bundle = Buffer.from(await signedBundle(trust, { zone: 'eu', seq: 6 }))
    const directory = await signedDirectory(trust, { zone: 'eu', seq: 6 })
    const altered = Buffer.from(bundle)
    altered[altered.length - 20] = (altered[altered.length - 20] ?? 0) ^ 1
    put(altered, directory)
    await policies.poll()
    expect(policies.current()).toBe(before)
    const [header, payload = '', signature] = directory.split('.')
    const forged = JSON.parse(Buffer.from(payload, 'base64url').toString())
    forged.seq = 99
    put(bundle, [header, Buffer.from(JSON.stringify(forged)).toString('base64url'), signature].join('.'))
    await policies.poll()
    expect(lastFault()).toBe('bad_signature')
    expect(policies.current()).toBe(before)
  })

  test('an object that is not the one its key names', async () => {
    const { policies, publish, put, lastFault } = region()
    await publish({ seq: 5 })
    await policies.poll()
    const bundle = await signedBundle(trust, { zone: 'eu', seq: 6 })
    const directory = await signedDirectory(trust, { zone: 'eu', seq: 6 })
    put(bundle, directory, { bundle: 'a'.repeat(64), directory: sha256(directory) })
    await policies.poll()
    expect(lastFault()).toBe('altered')
    expect(policies.current()?.bundleSeq).toBe(5)
  })
})

test('a rebuilt process refuses what its region has once gone beyond', async () => {
  const { policies, publish, marks, lastFault } = region()
  marks.bundle = 9
  await publish({ seq: 8 })
  await policies.poll()
  expect(policies.current()).toBeUndefined()
  expect(lastFault()).toBe('rolled_back')
})

test('the active policy outlives its table and bucket, and activation goes on when they return', async () => {
  const { policies, publish, state, events } = region()
  await publish({ seq: 1 })
  await policies.poll()
  state.away = true
  await policies.poll()
  expect(policies.current()?.bundleSeq).toBe(1)
  expect(events.at(-1)?.event).toBe('state_unreachable')
  state.away = false
  await publish({ seq: 2 })
  const named = state.pointer as Pointer
  state.pointer = { ...named, bundleDigest: 'c'.repeat(64) }
  await policies.poll()
  expect(policies.current()?.bundleSeq).toBe(1)
  state.pointer = named
  await policies.poll()
  expect(policies.current()?.bundleSeq).toBe(2)
})

test('does not fetch the same refused object every second', async () => {
  const { policies, publish, state } = region()
  await publish({ seq: 1, zone: 'us' })
  await policies.poll()
  const fetches = state.fetches.length
  await policies.poll()
  await policies.poll()
  expect(state.fetches).toHaveLength(fetches)
})

test('a bundle whose directory is slow to come is read once, and is in force when it has come', async () => {
  const { policies, publish, state, objects } = region()
  await publish({ seq: 1 })
  const key = directoryKey(state.pointer?.directoryDigest ?? '')
  const directory = objects.get(key) as Uint8Array
  objects.delete(key)
  await policies.poll()
  await policies.poll()
  expect(policies.current()).toBeUndefined()
  expect(policies.status().stable.refusal).toMatchObject({ fault: 'unreachable' })
  objects.set(key, directory)
  await policies.poll()
  expect(policies.current()?.bundleSeq).toBe(1)
  expect(state.fetches.filter((fetched) => fetched.startsWith('bundles/'))).toHaveLength(1)
})
