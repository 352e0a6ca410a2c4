import { beforeEach, describe, expect, test } from '@jest/globals'
import { DocumentsRefusedError, type Publisher, publisher } from '../../runtime/control-plane/publisher.ts'
import { builtWasm } from '../../runtime/policy/build.ts'
import { verifyBundle } from '../../runtime/policy/bundle.ts'
import { verifyDirectory } from '../../runtime/policy/directory.ts'
import { type Documents, loadDocuments } from '../../runtime/policy/documents.ts'
import { bundleKey, directoryKey, type Pointer } from '../../runtime/state/pointers.ts'
import { testKey, trustIn } from '../support/policy.ts'
import { type MemoryCell, memoryCell } from './memory-cell.ts'

const ZONES = { eu: ['eu-west-1', 'eu-central-1'], us: ['us-east-1'], apac: ['ap-southeast-1'] }
const HOUR_MS = 3_600_000
const MAX_AGE_MS = 72 * HOUR_MS
const documents = loadDocuments('demo')
const wasm = builtWasm()
const signing = testKey('control')
const trust = trustIn(signing)

let nowMs: number
let cells: MemoryCell[]
let loaded: Documents | Error
let plane: Publisher

beforeEach(() => {
  nowMs = Date.UTC(2026, 0, 1)
  loaded = documents
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
    loadDocuments: () => {
      if (loaded instanceof Error) throw loaded
      return loaded
    },
    wasm,
    signer: { ...signing.signer, publicJwk: signing.jwk },
    clock: { now: () => nowMs, monotonic: () => nowMs },
    log: () => {},
  })
}

const cell = (region: string) => cells.find((one) => one.region === region) as MemoryCell
const pointerOf = (region: string) => cell(region).pointers.get(`${region} stable`) as Pointer
const statusOf = (region: string) => plane.status().find((one) => one.region === region)
const issuersAt = (region: string) => {
  const jws = Buffer.from(cell(region).bucket.get(directoryKey(pointerOf(region).directoryDigest)) ?? []).toString()
  return verifyDirectory(jws, { trust, zone: cell(region).zone, nowMs, minSeq: 0 }).issuers
}

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

  test('refuses issuers from a directory that this control plane has not signed', async () => {
    await plane.publish()
    const forged = testKey('forged')
    cells = cells.map((one) => Object.assign(one, { down: one.region === 'eu-central-1' }))
    plane = publisher({
      cells,
      zones: ZONES,
      ring: 'stable',
      maxAgeMs: MAX_AGE_MS,
      loadDocuments: () => documents,
      wasm,
      signer: { ...forged.signer, publicJwk: forged.jwk },
      clock: { now: () => nowMs, monotonic: () => nowMs },
      log: () => {},
    })
    const release = await plane.publish()
    expect(release.issuers.map(({ region }) => region)).toEqual(['eu-west-1', 'us-east-1'])
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
    expect(log).toEqual(['read pointer', 'read key'])
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
