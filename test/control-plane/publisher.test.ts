import { beforeEach, describe, expect, test } from '@jest/globals'
import { DocumentsRefusedError, type Publisher, publisher, UnknownKeyError } from '../../runtime/control-plane/publisher.ts'
import { builtWasm } from '../../runtime/policy/build.ts'
import { verifyBundle } from '../../runtime/policy/bundle.ts'
import { type Attester, signDirectory, verifyDirectory } from '../../runtime/policy/directory.ts'
import { type Documents, loadDocuments } from '../../runtime/policy/documents.ts'
import { bundleKey, directoryKey, type Pointer } from '../../runtime/state/pointers.ts'
import { testKey, trustIn } from '../support/policy.ts'
import { type MemoryCell, memoryCell } from './memory-cell.ts'

const ZONES = { eu: ['eu-west-1', 'eu-central-1'], us: ['us-east-1'], apac: ['ap-southeast-1'] }
const HOUR_MS = 3_600_000
const MAX_AGE_MS = 72 * HOUR_MS
const OVERLAP_MS = 65 * 60_000
const documents = loadDocuments('demo')
const wasm = builtWasm()
const signing = testKey('control')
const trust = trustIn(signing)

let nowMs: number
let cells: MemoryCell[]
let loaded: Documents | Error
let plane: Publisher
let kmsAway: boolean

beforeEach(() => {
  nowMs = Date.UTC(2026, 0, 1)
  loaded = documents
  kmsAway = false
  cells = [
    memoryCell('eu-west-1', 'eu', testKey('token-west').jwk),
    memoryCell('eu-central-1', 'eu', testKey('token-central').jwk),
    memoryCell('us-east-1', 'us', testKey('token-us').jwk),
  ]
  plane = rebuilt()
})

/** A control plane that knows nothing but its key and its regions. */
function rebuilt(): Publisher {
  return publisher({
    cells,
    zones: ZONES,
    ring: 'stable',
    maxAgeMs: MAX_AGE_MS,
    keyOverlapMs: OVERLAP_MS,
    loadDocuments: () => {
      if (loaded instanceof Error) throw loaded
      return loaded
    },
    wasm,
    signer: {
      ...signing.signer,
      publicJwk: signing.jwk,
      sign: async (message) => {
        if (kmsAway) throw new Error('KMS is away')
        return signing.signer.sign(message)
      },
    },
    clock: { now: () => nowMs, monotonic: () => nowMs },
    log: () => {},
  })
}

const cell = (region: string) => cells.find((one) => one.region === region) as MemoryCell
const pointerOf = (region: string) => cell(region).pointers.get(`${region} stable`) as Pointer
const statusOf = (region: string) => plane.status().find((one) => one.region === region)
const directoryAt = (region: string) => {
  const jws = Buffer.from(cell(region).bucket.get(directoryKey(pointerOf(region).directoryDigest)) ?? []).toString()
  return verifyDirectory(jws, { trust, zone: cell(region).zone, nowMs, minSeq: 0 })
}
const issuersAt = (region: string) => directoryAt(region).issuers
/** Key ids of a region's issuer, as another region's directory has them. */
const kidsOf = (region: string, seenAt: string) =>
  issuersAt(seenAt)
    .find((one) => one.region === region)
    ?.keys.map(({ kid }) => kid)

describe('a publication', () => {
  test('gives every region a verifiable bundle and directory of its zone', async () => {
    await plane.publish()
    for (const { region, zone, bucket } of cells) {
      const { bundleDigest, directoryDigest, bundleSeq } = pointerOf(region)
      const expected = { trust, zone, nowMs, minSeq: 1 }
      const bundle = await verifyBundle(bucket.get(bundleKey(bundleDigest)) ?? new Uint8Array(), expected)
      const directory = verifyDirectory(Buffer.from(bucket.get(directoryKey(directoryDigest)) ?? []).toString(), expected)
      expect([bundle.seq, directory.seq, bundleSeq]).toEqual([1, 1, 1])
      expect(bundle.notAfterMs).toBe(nowMs + MAX_AGE_MS)
      expect(directory.issuers.map((issuer) => issuer.region)).toEqual(['eu-west-1', 'eu-central-1', 'us-east-1'])
    }
  })

  test('leaves agents and tenants of other zones out of a bundle', async () => {
    await plane.publish()
    const bytes = cell('us-east-1').bucket.get(bundleKey(pointerOf('us-east-1').bundleDigest)) ?? new Uint8Array()
    const { agents } = await verifyBundle(bytes, { trust, zone: 'us', nowMs, minSeq: 0 })
    expect([...agents.keys()]).toEqual(expect.arrayContaining(['ops-agent', 'research-agent']))
    expect([...agents.keys()]).not.toContain('finance-agent')
  })

  test('moves a pointer only after both objects read back whole', async () => {
    await plane.publish()
    const steps = cell('eu-west-1').log.map((step) => step.split(' ').slice(0, 2).join(' '))
    const moved = steps.indexOf('move pointer')
    expect(steps.lastIndexOf('put bundles')).toBeLessThan(moved)
    expect(steps.lastIndexOf('put directories')).toBeLessThan(moved)
    expect(steps.slice(0, moved).filter((step) => step.startsWith('get '))).toHaveLength(4)
  })

  test('writes each pointer through its own region, which is its one writer', async () => {
    await plane.publish()
    for (const { region, pointers } of cells) expect([...pointers.keys()]).toEqual([`${region} stable`])
  })

  test('takes one number more each time, also two at once', async () => {
    const releases = await Promise.all([plane.publish(), plane.publish(), plane.publish()])
    expect(releases.map(({ seq }) => seq)).toEqual([1, 2, 3])
  })

  test('renewed with the same documents keeps its revision and lasts longer', async () => {
    const first = await plane.publish()
    nowMs += 6 * HOUR_MS
    const second = await plane.publish()
    expect(second.revision).toBe(first.revision)
    const bytes = cell('eu-west-1').bucket.get(bundleKey(pointerOf('eu-west-1').bundleDigest)) ?? new Uint8Array()
    await expect(verifyBundle(bytes, { trust, zone: 'eu', nowMs, minSeq: 2 })).resolves.toMatchObject({ notAfterMs: nowMs + MAX_AGE_MS })
  })
})

describe('a region that fails', () => {
  test('does not hold up the others, and gets the release when it is back', async () => {
    cell('eu-west-1').down = true
    await plane.publish()
    expect(pointerOf('us-east-1').bundleSeq).toBe(1)
    expect(statusOf('eu-west-1')).toMatchObject({ seq: null, error: 'eu-west-1 is away' })
    cell('eu-west-1').down = false
    await plane.reconcile()
    expect(statusOf('eu-west-1')).toMatchObject({ seq: plane.current()?.seq, error: null })
  })

  test.each([
    ['loses what is put', () => undefined],
    ['alters what is put', (body: Uint8Array) => body.slice(1)],
  ])('refuses to point at a bucket that %s', async (_what, spoil) => {
    cell('us-east-1').spoil = spoil
    await plane.publish()
    expect(pointerOf('us-east-1')).toBeUndefined()
    expect(statusOf('us-east-1')?.error).toMatch(/reads back as (missing|altered)|reads back (missing|altered)/)
    expect(pointerOf('eu-west-1').bundleSeq).toBe(1)
  })

  test('keeps its last known issuer in the directory', async () => {
    await plane.publish()
    cell('eu-central-1').down = true
    await plane.publish()
    expect(issuersAt('us-east-1').map(({ region }) => region)).toContain('eu-central-1')
  })

  test('keeps its issuer even when the control plane was rebuilt meanwhile', async () => {
    await plane.publish()
    cell('eu-central-1').down = true
    plane = rebuilt()
    await plane.publish()
    expect(issuersAt('us-east-1').map(({ region }) => region)).toContain('eu-central-1')
  })

  test('has no issuer while nobody knows its key, and one as soon as it answers', async () => {
    cell('eu-central-1').down = true
    await plane.publish()
    expect(issuersAt('us-east-1').map(({ region }) => region)).not.toContain('eu-central-1')
    cell('eu-central-1').down = false
    await plane.reconcile()
    expect(issuersAt('us-east-1').map(({ region }) => region)).toContain('eu-central-1')
  })

  test('keeps the keys that its attestations are checked by, and shows new ones at once', async () => {
    const attester = (name: string): Attester => {
      const key = (purpose: string) => testKey(`${purpose}-${name}`).jwk
      return { region: 'eu-central-1', zone: 'eu', approval: key('approval'), data_protection: key('dpo') }
    }
    const [first, second] = [attester('first'), attester('second')]
    await plane.publish()
    expect(directoryAt('us-east-1').attesters).toEqual([])
    cell('eu-central-1').attester = first
    await plane.reconcile()
    expect(directoryAt('us-east-1').attesters).toEqual([first])
    cell('eu-central-1').attester = undefined
    plane = rebuilt()
    await plane.publish()
    expect(directoryAt('us-east-1').attesters).toEqual([first])
    const { seq } = directoryAt('us-east-1')
    await plane.reconcile()
    expect(directoryAt('us-east-1').seq).toBe(seq)
    cell('eu-central-1').attester = second
    await plane.reconcile()
    expect(directoryAt('us-east-1').attesters).toEqual([second])
    cell('eu-central-1').attester = undefined
    nowMs += MAX_AGE_MS
    plane = rebuilt()
    await plane.publish()
    expect(directoryAt('us-east-1').attesters).toEqual([])
  })

  test('refuses issuers from a directory that this control plane has not signed', async () => {
    await plane.publish()
    const forged = testKey('forged')
    cells = cells.map((one) => Object.assign(one, { down: one.region === 'eu-central-1' }))
    plane = publisher({
      cells,
      zones: ZONES,
      ring: 'stable',
      maxAgeMs: MAX_AGE_MS,
      keyOverlapMs: OVERLAP_MS,
      loadDocuments: () => documents,
      wasm,
      signer: { ...forged.signer, publicJwk: forged.jwk },
      clock: { now: () => nowMs, monotonic: () => nowMs },
      log: () => {},
    })
    const release = await plane.publish()
    expect(release.standing.issuers.map(({ region }) => region)).toEqual(['eu-west-1', 'us-east-1'])
  })
})

describe('reconciling', () => {
  test('puts back a pointer that somebody moved or removed', async () => {
    await plane.publish()
    const right = pointerOf('eu-west-1')
    cell('eu-west-1').pointers.clear()
    await plane.reconcile()
    expect(pointerOf('eu-west-1')).toMatchObject({ bundleDigest: right.bundleDigest, bundleSeq: 1 })
    cell('eu-west-1').pointers.set('eu-west-1 stable', { ...right, bundleDigest: '0'.repeat(64) })
    await plane.reconcile()
    expect(pointerOf('eu-west-1').bundleDigest).toBe(right.bundleDigest)
  })

  test('costs a settled region one look at its pointer and one at its key', async () => {
    await plane.publish()
    const { log } = cell('us-east-1')
    log.splice(0)
    await plane.reconcile()
    expect(log.sort()).toEqual(['read key', 'read pointer'])
  })

  test('publishes anew when a region has another token key', async () => {
    await plane.publish()
    cell('us-east-1').key = testKey('rotated').jwk
    await plane.reconcile()
    expect(plane.current()?.seq).toBe(2)
    expect(issuersAt('eu-west-1').find(({ region }) => region === 'us-east-1')?.keys[0]?.kid).toBe('rotated')
  })

  test('does nothing before the first publication', async () => {
    await plane.reconcile()
    expect(cells.flatMap(({ log }) => log)).toEqual([])
  })
})

describe('a control plane without memory', () => {
  test('goes on from the highest number in any region', async () => {
    await plane.publish()
    await plane.publish()
    plane = rebuilt()
    await expect(plane.publish()).resolves.toMatchObject({ seq: 3 })
  })

  test('learns the number of a region that is away from the replicas of others', async () => {
    await plane.publish()
    cell('us-east-1').pointers.set('eu-west-1 stable', { ...pointerOf('eu-west-1'), bundleSeq: 40, directorySeq: 40 })
    cell('eu-west-1').down = true
    plane = rebuilt()
    await expect(plane.publish()).resolves.toMatchObject({ seq: 41 })
  })

  test('overtakes a region that comes back with a higher number than anybody knew of', async () => {
    await plane.publish()
    cell('eu-west-1').pointers.set('eu-west-1 stable', { ...pointerOf('eu-west-1'), bundleSeq: 9, directorySeq: 9 })
    cell('eu-west-1').down = true
    plane = rebuilt()
    await plane.publish()
    cell('eu-west-1').down = false
    await plane.reconcile()
    expect(pointerOf('eu-west-1').bundleSeq).toBe(10)
    await plane.reconcile()
    expect(plane.status().map(({ seq }) => seq)).toEqual([10, 10, 10])
  })
})

describe('bad documents', () => {
  const homeAbroad = (): Documents => ({
    ...documents,
    tenants: documents.tenants.map((tenant) => (tenant.id === 'acme-eu' ? { ...tenant, homeRegion: 'us-east-1' } : tenant)),
  })

  test('refuses a tenant whose home lies outside its zone, and uploads nothing', async () => {
    loaded = homeAbroad()
    await expect(plane.publish()).rejects.toThrow(/acme-eu: home region us-east-1 is not in zone eu/)
    for (const { bucket, pointers } of cells) expect([bucket.size, pointers.size]).toEqual([0, 0])
  })

  test('refuses documents that do not parse, and what is active stays', async () => {
    await plane.publish()
    const before = cells.map(({ pointers }) => [...pointers.values()])
    loaded = new Error('demo/agents/x.yaml:3:1: allowed_toolz: unknown key')
    await expect(plane.publish()).rejects.toBeInstanceOf(DocumentsRefusedError)
    expect(plane.refused()).toContain('allowed_toolz')
    await plane.reconcile()
    expect(cells.map(({ pointers }) => [...pointers.values()])).toEqual(before)
  })

  test('once mended are published, and the refusal is forgotten', async () => {
    loaded = homeAbroad()
    await expect(plane.publish()).rejects.toThrow()
    loaded = documents
    await plane.publish()
    expect(plane.refused()).toBeUndefined()
  })
})

describe('rotation of a token key', () => {
  const rotate = async (kid: string) => {
    cell('us-east-1').key = testKey(kid).jwk
    await plane.reconcile()
  }

  test('lists the new key first and the old one until its tokens have ended', async () => {
    await plane.publish()
    await rotate('new')
    expect(kidsOf('us-east-1', 'eu-west-1')).toEqual(['new', 'token-us'])
    nowMs += OVERLAP_MS - 1
    await plane.reconcile()
    expect(kidsOf('us-east-1', 'eu-west-1')).toEqual(['new', 'token-us'])
    nowMs += 1
    await plane.reconcile()
    expect(kidsOf('us-east-1', 'eu-west-1')).toEqual(['new'])
  })

  test('publishes once for it, not with every look', async () => {
    await plane.publish()
    await rotate('new')
    nowMs += 1000
    await plane.reconcile()
    expect(plane.current()?.seq).toBe(2)
  })

  test('keeps its appointed end when the control plane was rebuilt, renewed, or the region is away', async () => {
    await plane.publish()
    await rotate('new')
    nowMs += OVERLAP_MS / 2
    plane = rebuilt()
    await plane.publish()
    cell('us-east-1').down = true
    await plane.publish()
    expect(kidsOf('us-east-1', 'eu-west-1')).toEqual(['new', 'token-us'])
    cell('us-east-1').down = false
    await plane.reconcile()
    nowMs += OVERLAP_MS / 2
    await plane.reconcile()
    expect(kidsOf('us-east-1', 'eu-west-1')).toEqual(['new'])
  })

  test('keeps the old key while its region has not got the new directory, as it still signs with it', async () => {
    await plane.publish()
    cell('us-east-1').spoil = () => undefined
    await rotate('new')
    nowMs += OVERLAP_MS
    await plane.reconcile()
    expect(kidsOf('us-east-1', 'eu-west-1')).toEqual(['new', 'token-us'])
    cell('us-east-1').spoil = undefined
    await plane.reconcile()
    nowMs += OVERLAP_MS
    await plane.reconcile()
    expect(kidsOf('us-east-1', 'eu-west-1')).toEqual(['new'])
  })

  test('takes back a key that the alias returns to', async () => {
    await plane.publish()
    await rotate('new')
    await rotate('token-us')
    expect(kidsOf('us-east-1', 'eu-west-1')?.[0]).toBe('token-us')
    nowMs += OVERLAP_MS
    await plane.reconcile()
    expect(kidsOf('us-east-1', 'eu-west-1')).toEqual(['token-us'])
  })

  test('needs no documents that can be read', async () => {
    await plane.publish()
    loaded = new Error('demo/tools.yaml:1:1: is wrong')
    await rotate('new')
    expect(kidsOf('us-east-1', 'eu-west-1')).toEqual(['new', 'token-us'])
  })

  test('never lists more keys than a directory takes', async () => {
    await plane.publish()
    for (let i = 0; i < 20; i++) await rotate(`key-${i}`)
    expect(kidsOf('us-east-1', 'eu-west-1')).toHaveLength(16)
    expect(kidsOf('us-east-1', 'eu-west-1')?.slice(0, 2)).toEqual(['key-19', 'key-18'])
  })
})

describe('removal of a token key in an emergency', () => {
  test('takes it away at once in every region, though KMS still gives it, and for good', async () => {
    await plane.publish()
    await plane.removeKey('us-east-1', 'token-us')
    for (const seenAt of ['eu-west-1', 'us-east-1']) expect(kidsOf('us-east-1', seenAt)).toEqual([])
    await plane.publish()
    await plane.reconcile()
    expect(kidsOf('us-east-1', 'eu-west-1')).toEqual([])
    cell('us-east-1').key = testKey('clean').jwk
    await plane.reconcile()
    expect(kidsOf('us-east-1', 'eu-west-1')).toEqual(['clean'])
    cell('us-east-1').key = testKey('token-us').jwk
    await plane.reconcile()
    expect(kidsOf('us-east-1', 'eu-west-1')).not.toContain('token-us')
  })

  test('takes away a key that is on its way out', async () => {
    await plane.publish()
    cell('us-east-1').key = testKey('new').jwk
    await plane.reconcile()
    await plane.removeKey('us-east-1', 'token-us')
    expect(kidsOf('us-east-1', 'eu-west-1')).toEqual(['new'])
    expect(issuersAt('eu-west-1').find(({ region }) => region === 'us-east-1')).not.toHaveProperty('retiring')
  })

  test('lasts over a rebuilt control plane', async () => {
    await plane.publish()
    await plane.removeKey('us-east-1', 'token-us')
    plane = rebuilt()
    await plane.publish()
    expect(kidsOf('us-east-1', 'eu-west-1')).toEqual([])
  })

  test('lasts when all directories have expired meanwhile', async () => {
    await plane.publish()
    await plane.removeKey('us-east-1', 'token-us')
    nowMs += 2 * MAX_AGE_MS
    plane = rebuilt()
    await plane.publish()
    expect(kidsOf('us-east-1', 'eu-west-1')).toEqual([])
    expect(kidsOf('eu-west-1', 'us-east-1')).toEqual(['token-west'])
  })

  test('refuses the keys of a region that is away when the directory that gave them has expired', async () => {
    await plane.publish()
    nowMs += 2 * MAX_AGE_MS
    cell('us-east-1').down = true
    plane = rebuilt()
    await plane.publish()
    expect(kidsOf('us-east-1', 'eu-west-1')).toEqual([])
    expect(kidsOf('eu-west-1', 'eu-west-1')).toEqual(['token-west'])
  })

  test('lasts when the only region that has heard of it answers a moment too late to be read', async () => {
    await plane.publish()
    for (const region of ['eu-west-1', 'eu-central-1']) cell(region).down = true
    await plane.removeKey('us-east-1', 'token-us')
    for (const region of ['eu-west-1', 'eu-central-1']) cell(region).down = false
    const { readPointers } = cell('us-east-1')
    cell('us-east-1').readPointers = async () => {
      cell('us-east-1').readPointers = readPointers
      throw new Error('us-east-1 is away')
    }
    plane = rebuilt()
    await plane.publish()
    expect(kidsOf('us-east-1', 'us-east-1')).toEqual([])
    await plane.reconcile()
    for (const { region } of cells) expect(kidsOf('us-east-1', region)).toEqual([])
  })

  test('lasts when only a region that was away has heard of it', async () => {
    await plane.publish()
    for (const region of ['eu-west-1', 'eu-central-1']) cell(region).down = true
    await plane.removeKey('us-east-1', 'token-us')
    cell('us-east-1').down = true
    for (const region of ['eu-west-1', 'eu-central-1']) cell(region).down = false
    plane = rebuilt()
    await plane.publish()
    // Nobody who answers knows better yet. What counts is that the one who does is not overwritten.
    cell('us-east-1').down = false
    await plane.reconcile()
    for (const { region } of cells) expect(kidsOf('us-east-1', region)).toEqual([])
  })

  test('is published at once although the documents are broken', async () => {
    await plane.publish()
    loaded = new Error('demo/tools.yaml:1:1: is wrong')
    await plane.removeKey('us-east-1', 'token-us')
    expect(kidsOf('us-east-1', 'eu-west-1')).toEqual([])
  })

  test('is made up for when signing failed', async () => {
    await plane.publish()
    kmsAway = true
    await expect(plane.removeKey('us-east-1', 'token-us')).rejects.toThrow('KMS is away')
    kmsAway = false
    await plane.reconcile()
    expect(kidsOf('us-east-1', 'eu-west-1')).toEqual([])
  })

  test('refuses a key that no issuer of the region has, and publishes nothing', async () => {
    await plane.publish()
    await expect(plane.removeKey('us-east-1', 'token-west')).rejects.toBeInstanceOf(UnknownKeyError)
    await expect(plane.removeKey('mars', 'token-us')).rejects.toBeInstanceOf(UnknownKeyError)
    expect(plane.current()?.seq).toBe(1)
  })
})

test('a control plane with the next signing key goes on with what the one before has said', async () => {
  await plane.publish()
  await plane.lift('kill-1')
  await plane.removeKey('us-east-1', 'token-us')
  const next = testKey('next')
  const options = {
    cells,
    zones: ZONES,
    ring: 'stable',
    maxAgeMs: MAX_AGE_MS,
    keyOverlapMs: OVERLAP_MS,
    loadDocuments: () => documents,
    wasm,
  }
  const clock = { now: () => nowMs, monotonic: () => nowMs }
  const signer = { ...next.signer, publicJwk: next.jwk }
  const { standing } = await publisher({ ...options, signer, trustedKeys: [signing.jwk, next.jwk], clock, log: () => {} }).publish()
  expect(standing.lifted).toEqual(['kill-1'])
  expect(standing.issuers.find(({ region }) => region === 'us-east-1')).toMatchObject({ keys: [], removed: ['token-us'] })
})

describe('lifted kill switches', () => {
  const liftedAt = () => cells.map(({ region }) => directoryAt(region).lifted)

  test('stand in the directory of every zone, from then on', async () => {
    await plane.publish()
    await plane.lift('kill-2')
    await plane.lift('kill-1')
    await plane.publish()
    expect(liftedAt()).toEqual(Array(3).fill(['kill-1', 'kill-2']))
  })

  test('are carried over by a rebuilt control plane, also from expired directories', async () => {
    await plane.publish()
    await plane.lift('kill-1')
    plane = rebuilt()
    await plane.lift('kill-2')
    nowMs += 2 * MAX_AGE_MS
    plane = rebuilt()
    await plane.publish()
    expect(liftedAt()).toEqual(Array(3).fill(['kill-1', 'kill-2']))
  })

  test('are learnt from a region that was away before anything overwrites it', async () => {
    await plane.publish()
    for (const region of ['eu-west-1', 'eu-central-1']) cell(region).down = true
    await plane.lift('kill-1')
    for (const { region } of cells) cell(region).down = region === 'us-east-1'
    plane = rebuilt()
    await plane.publish()
    cell('us-east-1').down = false
    await plane.reconcile()
    await plane.reconcile()
    expect(liftedAt()).toEqual(Array(3).fill(['kill-1']))
  })

  test('refuses lifts from a directory that this control plane has not signed', async () => {
    await plane.publish()
    const forged = testKey('control')
    const jws = await signDirectory({ ...directoryAt('us-east-1'), seq: 50, lifted: ['kill-9'] }, forged.signer)
    const { bucket, pointers } = cell('us-east-1')
    bucket.set(directoryKey('f'.repeat(64)), Buffer.from(jws))
    pointers.set('us-east-1 stable', { ...pointerOf('us-east-1'), directoryDigest: 'f'.repeat(64) })
    plane = rebuilt()
    await plane.publish()
    expect(liftedAt()).toEqual(Array(3).fill([]))
  })
})

describe('budget grants', () => {
  const periodsAt = (region: string) => [...new Set(directoryAt(region).grants.map(({ period }) => period))].sort()

  test('are published for today and the next two days, and anew with the day', async () => {
    await plane.publish()
    expect(periodsAt('eu-west-1')).toEqual(['2026-01-01', '2026-01-02', '2026-01-03'])
    nowMs += 24 * HOUR_MS - 1
    await plane.reconcile()
    expect(plane.current()?.seq).toBe(1)
    nowMs += 1
    await plane.reconcile()
    expect(plane.current()?.seq).toBe(2)
    expect(periodsAt('eu-west-1')).toEqual(['2026-01-02', '2026-01-03', '2026-01-04'])
  })

  const movedHome = (): Documents => ({
    ...documents,
    tenants: documents.tenants.map((tenant) => (tenant.id === 'acme-eu' ? { ...tenant, homeRegion: 'eu-central-1' } : tenant)),
    agents: documents.agents.map((agent) =>
      agent.agent === 'treasury-agent' ? { ...agent, budget: { period: 'day', amount: 3, currency: 'eur' } } : agent,
    ),
  })
  const todayAt = (region: string) =>
    directoryAt(region)
      .grants.filter(({ agent, period }) => agent === 'treasury-agent' && period === '2026-01-01')
      .map((grant) => `${grant.region} ${grant.amount}`)

  test('of a day that has begun stay with their regions when a tenant moves, also over a rebuilt control plane', async () => {
    loaded = { ...movedHome(), tenants: documents.tenants }
    await plane.publish()
    expect(todayAt('eu-west-1')).toEqual(['eu-west-1 2', 'eu-central-1 1'])
    loaded = movedHome()
    plane = rebuilt()
    await plane.publish()
    expect(todayAt('eu-west-1')).toEqual(['eu-west-1 2', 'eu-central-1 1'])
  })

  test('that were worked out while every region of the zone was away are corrected before any of them sees them', async () => {
    loaded = { ...movedHome(), tenants: documents.tenants }
    await plane.publish()
    for (const region of ['eu-west-1', 'eu-central-1']) cell(region).down = true
    loaded = movedHome()
    plane = rebuilt()
    await plane.publish()
    const seen: string[][] = []
    for (const region of ['eu-west-1', 'eu-central-1']) {
      cell(region).down = false
      const { writePointer } = cell(region)
      cell(region).writePointer = async (pointer) => {
        await writePointer(pointer)
        seen.push(todayAt(region))
      }
    }
    await plane.reconcile()
    expect(seen).toEqual(Array(2).fill(['eu-west-1 2', 'eu-central-1 1']))
  })
})

test('clients stand in the directory of their own zone, and of every zone where nothing binds their tenant', async () => {
  await plane.publish()
  const clientsAt = (region: string) => directoryAt(region).clients.map(({ agent }) => agent)
  expect(clientsAt('eu-west-1')).toEqual(expect.arrayContaining(['finance-agent', 'ward-agent', 'research-agent']))
  expect(clientsAt('us-east-1').sort()).toEqual(['ops-agent', 'research-agent'])
})
