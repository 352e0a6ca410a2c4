import { gunzipSync } from 'node:zlib'
import { builtWasm } from '../../../runtime/policy/build.ts'
import { bundleData } from '../../../runtime/policy/documents.ts'
import { sha256 } from '../../../runtime/policy/file-hashes.ts'
import { packTarGz, unpackTar } from '../../../runtime/policy/tar.ts'
import { bundleKey, CANDIDATE_LEASE_MS } from '../../../runtime/state/pointers.ts'
import { eventually } from '../../fabric/stores/support.ts'
import { documents, type Issue, signedBundle, type TestTrust, testSigner, testTrust } from '../../support/gateway.ts'
import { testKey } from '../../support/tokens.ts'
import { limited } from './documents.ts'
import { testRegion } from './region.ts'

let trust: TestTrust
beforeAll(async () => {
  trust = await testTrust()
})

/** A region that serves seq 5, in which a stricter revision is on its way. */
async function serving() {
  const region = testRegion(trust)
  await region.publish({ seq: 5 })
  await region.policies.poll()
  return region
}
const next = (issue: Partial<Issue> = {}): Partial<Issue> => ({ seq: 6, documents: limited(1000), ...issue })
/** The documents of a bundle, with a limit of ten euros made one of ninety thousand. */
const raised = (data: Uint8Array | undefined) =>
  Buffer.from(
    Buffer.from(data ?? [])
      .toString()
      .replace(/"max":1000\b/g, '"max":9000000'),
  )
/** The committed module with one of its strings overwritten: it answers its smoke calls otherwise. */
function brokenModule(): Uint8Array {
  const bytes = Buffer.from(builtWasm())
  bytes.write('sanitise', bytes.indexOf('sanitize\0'))
  return bytes
}

test('loads a candidate beside what is in force, with the same directory, and raises no mark', async () => {
  const { policies, offer, marks, said } = await serving()
  const before = policies.current()
  await offer(next(), { sharePercent: 10, compare: true })
  await policies.poll()
  expect(policies.current()).toBe(before)
  expect(policies.candidate()).toMatchObject({ rollout: 'rollout-1', sharePercent: 10, compare: true })
  expect(policies.candidate()?.policy).toMatchObject({ bundleSeq: 6, directoryDigest: before?.directoryDigest })
  expect(policies.candidate()?.policy.revision).not.toBe(before?.revision)
  expect(marks).toEqual({ bundle: 5, directory: 5 })
  expect(said('candidate_loaded')).toHaveLength(1)
  expect(policies.status().candidate).toMatchObject({ loaded: true, refusal: undefined })
})

test('a candidate whose turn has come is one change, though it is withdrawn as such, and raises no mark that stands', async () => {
  const { policies, offer, promote, state, marks } = await serving()
  const named = await offer(next(), { sharePercent: 10, compare: true })
  await policies.poll()
  promote()
  state.candidate = { ...named, withdrawn: true }
  state.raised = []
  const said = state.changes
  await policies.poll()
  expect(policies.current()?.bundleSeq).toBe(6)
  expect(policies.status().candidate).toBeUndefined()
  expect(state.changes).toBe(said + 1)
  expect(state.raised).toEqual(['bundle'])

  // A table that was lost gets both back.
  marks.directory = 0
  await offer({ ...next(), seq: 7 })
  promote()
  await policies.poll()
  expect(marks).toEqual({ bundle: 7, directory: 5 })
})

test('a candidate is told of when it is loaded, and not when it is named', async () => {
  const { policies, offer, state } = await serving()
  const told: unknown[] = []
  policies.onChange(() => told.push(policies.status().candidate?.loaded))
  await offer(next())
  await policies.poll()
  await policies.poll()
  expect(told).toEqual([true])
  state.candidate = undefined
  await policies.poll()
  expect(told).toEqual([true, undefined])
})

test('takes in a new share at the next look, without loading again, and says so once', async () => {
  const { policies, offer, state } = await serving()
  const named = await offer(next())
  await policies.poll()
  const loaded = policies.candidate()?.policy
  const fetches = state.fetches.length
  const said = state.changes
  state.candidate = { ...named, sharePercent: 50, compare: true }
  await policies.poll()
  expect(policies.candidate()).toMatchObject({ sharePercent: 50, compare: true })
  await policies.poll()
  expect(state.changes).toBe(said + 1)
  expect(policies.candidate()?.policy).toBe(loaded)
  expect(state.fetches).toHaveLength(fetches)
})

test.each(['withdrawn', 'absent', 'not named anew for longer than its lease'])('forgets one that is %s at the next look', async (how) => {
  const { policies, offer, state, said } = await serving()
  const named = await offer(next())
  await policies.poll()
  const stale = { ...named, updatedAt: Date.now() - CANDIDATE_LEASE_MS - 1000 }
  state.candidate = how === 'absent' ? undefined : how === 'withdrawn' ? { ...named, withdrawn: true } : stale
  await policies.poll()
  expect(policies.candidate()).toBeUndefined()
  expect(policies.status().candidate).toBeUndefined()
  expect(said('candidate_forgotten')).toHaveLength(1)
})

test('swaps in a candidate that becomes stable without reading or loading it again', async () => {
  const { policies, offer, promote, state, marks } = await serving()
  await offer(next())
  await policies.poll()
  const evaluator = policies.candidate()?.policy.evaluator
  const fetches = state.fetches.length
  promote()
  await policies.poll()
  expect(policies.current()).toMatchObject({ bundleSeq: 6 })
  expect(policies.current()?.evaluator).toBe(evaluator)
  expect(state.fetches).toHaveLength(fetches)
  expect(marks.bundle).toBe(6)
  // It is what is in force now: nothing is beside it, though the rollout still names it.
  expect(policies.candidate()).toBeUndefined()
  expect(policies.status().candidate).toMatchObject({ loaded: true, refusal: undefined })
})

test('a new directory alone reads no bundle and loads no module, and the candidate gets it in the same step', async () => {
  const { policies, offer, publish, state } = await serving()
  await offer(next())
  await policies.poll()
  const [before, beside] = [policies.current(), policies.candidate()?.policy]
  const bundleDigest = state.pointer?.bundleDigest as string
  await publish({ seq: 5 }, { seq: 7 })
  if (state.pointer !== undefined) state.pointer = { ...state.pointer, bundleDigest }
  state.fetches.length = 0
  await policies.poll()
  expect(state.fetches).toEqual([expect.stringMatching(/^directories\//)])
  expect(policies.current()).toMatchObject({ bundleSeq: 5, directorySeq: 7 })
  expect(policies.candidate()?.policy).toMatchObject({ bundleSeq: 6, directorySeq: 7 })
  expect(state.torn).toBe(0)
  for (const [now, then] of [
    [policies.current(), before],
    [policies.candidate()?.policy, beside],
  ]) {
    expect(now?.evaluator).toBe(then?.evaluator)
    const accepts = (policy: typeof now) => policy?.tools.get('stripe-payments')?.actions.get('create_payment')?.accepts
    expect(accepts(now)).toBe(accepts(then))
  }
})

test('a bundle that changes documents alone shares the warm module of the one in force', async () => {
  const { policies, offer } = await serving()
  await offer(next())
  await policies.poll()
  expect(policies.candidate()?.policy.evaluator).toBe(policies.current()?.evaluator)
})

test('waits for a directory: without anything in force a candidate is not even read', async () => {
  const { policies, offer, state, publish } = testRegion(trust)
  await offer(next())
  await policies.poll()
  expect(state.fetches).toEqual([])
  await publish({ seq: 5 })
  await policies.poll()
  expect(policies.candidate()?.policy.bundleSeq).toBe(6)
})

describe('refuses a candidate, says so once, and leaves what is in force alone', () => {
  const stranger = testKey()
  const alteredBundle = async () => {
    const bundle = Buffer.from(await signedBundle(trust, { zone: 'eu', ...next() }))
    bundle[bundle.length - 20] = (bundle[bundle.length - 20] ?? 0) ^ 1
    return bundle
  }
  const cases: [string, string, (region: Awaited<ReturnType<typeof serving>>) => Promise<unknown>][] = [
    ['that was altered', 'malformed', async ({ name }) => name(await alteredBundle())],
    [
      'that is not what its name says',
      'altered',
      async ({ name }) => name(await signedBundle(trust, { zone: 'eu', ...next() }), { bundleDigest: 'a'.repeat(64) }),
    ],
    ['that is no bundle', 'malformed', async ({ name }) => name(Buffer.from('<html>'))],
    ['signed by a stranger', 'unknown_key', async ({ offer }) => offer(next({ signer: testSigner(await stranger) }))],
    ['of another zone', 'wrong_zone', async ({ offer }) => offer(next({ zone: 'us' }))],
    ['with an old seq', 'rolled_back', async ({ offer }) => offer(next({ seq: 4 }))],
    ['that has expired', 'expired', async ({ offer }) => offer(next({ maxAgeMs: -1 }))],
    ['whose module answers a smoke call otherwise', 'failed', async ({ offer }) => offer(next({ wasm: brokenModule() }))],
    ['whose module is none', 'failed', async ({ offer }) => offer(next({ wasm: Buffer.from('no module') }))],
    [
      "with an agent of another zone's tenant",
      'foreign_tenant',
      async ({ offer }) => {
        const { aegis } = bundleData(documents, 'eu')
        const foreign = bundleData(documents, 'us').aegis.agents['ops-agent']
        if (foreign === undefined) throw new Error('no ops-agent')
        await offer(next({ data: { aegis: { ...aegis, agents: { ...aegis.agents, 'ops-agent': foreign } } } }))
      },
    ],
  ]
  test.each(cases)('%s', async (_name, fault, plant) => {
    const region = await serving()
    const { policies, state, marks, said } = region
    const before = policies.current()
    await plant(region)
    const changes = state.changes
    await policies.poll()
    expect(policies.candidate()).toBeUndefined()
    expect(policies.status().candidate).toMatchObject({ loaded: false, refusal: { fault } })
    expect(state.changes).toBeGreaterThan(changes)
    const fetches = state.fetches.length
    await policies.poll()
    await policies.poll()
    expect(state.fetches).toHaveLength(fetches)
    expect(said('candidate_refused')).toMatchObject([{ fault }])
    expect(policies.current()).toBe(before)
    expect(policies.status().stable.refusal).toBeUndefined()
    expect(marks).toEqual({ bundle: 5, directory: 5 })
  })

  test.each<[string, string, (files: Map<string, Uint8Array>) => unknown]>([
    ['unsigned', 'unsigned', (files) => files.delete('.signatures.json')],
    ['whose documents were changed after it was signed', 'altered', (files) => files.set('data.json', raised(files.get('data.json')))],
    ['without its module', 'altered', (files) => files.delete('policy.wasm')],
  ])('%s', async (_name, fault, change) => {
    const region = await serving()
    const names = ['.manifest', 'data.json', 'policy.wasm', '.signatures.json']
    const files = await unpackTar(gunzipSync(await signedBundle(trust, { zone: 'eu', ...next() })), new Set(names))
    change(files)
    region.name(await packTarGz(files))
    await region.policies.poll()
    expect(region.policies.status().candidate?.refusal?.fault).toBe(fault)
    expect(region.policies.candidate()).toBeUndefined()
    expect(region.policies.current()?.bundleSeq).toBe(5)
  })

  test('that is not in the bucket, until it is there', async () => {
    const { policies, offer, objects, said } = await serving()
    const { bundleDigest } = await offer(next())
    const bundle = objects.get(bundleKey(bundleDigest)) as Uint8Array
    objects.delete(bundleKey(bundleDigest))
    await policies.poll()
    await policies.poll()
    expect(said('candidate_refused')).toMatchObject([{ fault: 'unreachable' }])
    objects.set(bundleKey(sha256(bundle)), bundle)
    await policies.poll()
    expect(policies.candidate()?.policy.bundleSeq).toBe(6)
    expect(policies.status().candidate?.refusal).toBeUndefined()
  })

  test('that was fine until a rollback went beyond it', async () => {
    const { policies, offer, publish } = await serving()
    await offer(next())
    await policies.poll()
    expect(policies.candidate()).toBeDefined()
    await publish({ seq: 7 })
    await policies.poll()
    expect(policies.current()?.bundleSeq).toBe(7)
    expect(policies.candidate()).toBeUndefined()
    expect(policies.status().candidate).toMatchObject({ loaded: false, refusal: { fault: 'rolled_back' } })
  })

  test('that cannot even be read from the table, while the pointer is followed', async () => {
    const { policies, publish, state, said } = await serving()
    state.candidateFault = 'pointer of eu-west-1, ring canary, is malformed'
    await publish({ seq: 6 })
    await policies.poll()
    await policies.poll()
    expect(policies.current()?.bundleSeq).toBe(6)
    expect(said('candidate_unreadable')).toHaveLength(1)
    expect(policies.status().candidateFault).toMatch(/malformed/)
  })
})

test('another rollout of what was refused is looked at anew', async () => {
  const { policies, offer, state } = await serving()
  const named = await offer(next({ zone: 'us' }))
  await policies.poll()
  const fetches = state.fetches.length
  state.candidate = { ...named, rollout: 'rollout-2' }
  await policies.poll()
  expect(state.fetches).toHaveLength(fetches + 1)
})

describe('the look that repeats', () => {
  test('comes sooner or later by whether a candidate is named', async () => {
    const { policies, offer, publish, state } = testRegion(trust)
    await publish({ seq: 5 })
    const stop = policies.start({ idleMs: 5, rolloutMs: 600_000 })
    await eventually('the pointer is followed', () => policies.current() !== undefined)
    await offer(next())
    await eventually('the candidate is loaded', () => policies.candidate() !== undefined)
    state.candidate = undefined
    await new Promise((resolve) => setTimeout(resolve, 50))
    expect(policies.candidate()).toBeDefined()
    await stop()
  })

  test('follows the pointer, and a withdrawal, while a candidate is slow to come', async () => {
    const { policies, offer, publish, state } = testRegion(trust)
    await publish({ seq: 5 })
    const stop = policies.start({ idleMs: 5, rolloutMs: 5 })
    await eventually('the pointer is followed', () => policies.current() !== undefined)
    let release = () => {}
    const until = new Promise<void>((resolve) => {
      release = resolve
    })
    const bundle = await signedBundle(trust, { zone: 'eu', ...next() })
    state.held = { key: bundleKey(sha256(bundle)), until }
    const region = { ...(await offer(next())), bundleDigest: sha256(bundle) }
    state.candidate = region
    await eventually('it is asked for', () => state.fetches.includes(bundleKey(region.bundleDigest)))
    await publish({ seq: 7 })
    await eventually('the pointer is followed', () => policies.current()?.bundleSeq === 7)
    state.candidate = undefined
    await eventually('it is forgotten', () => policies.status().candidate === undefined)
    release()
    await stop()
    expect(policies.candidate()).toBeUndefined()
  })
})
