import { beforeEach, describe, expect, test } from '@jest/globals'
import { changeAnyVersion } from '../../runtime/control-plane/directory/desk.ts'
import { DirectoryRefusedError } from '../../runtime/control-plane/directory/refusals.ts'
import type { Attester } from '../../runtime/policy/directory.ts'
import { testKey, trustIn } from '../support/policy.ts'
import { bundleAt, directoryAt, kidsOf, limitAt, pointerOf } from './seen.ts'
import { demoSources, HOUR_MS, MAX_AGE_MS, OVERLAP_MS, sourcesWithLimit, type TestPlane, testPlane } from './test-plane.ts'

// What reaches the regions when nothing is being rolled out: first publication, directories, keys, renewal, recovery.

let plane: TestPlane
beforeEach(async () => {
  plane = await testPlane()
})

const BY = { iss: 'https://login.example', sub: 'ben' }
const first = () => plane.publish(demoSources())
const settle = () => plane.plane.settle()
const statusOf = (region: string) => plane.plane.couriers.status().find((one) => one.region === region)
const lift = (killId: string) =>
  changeAnyVersion(plane.plane.directory, { change: { kind: 'lift', kill_id: killId }, by: BY, reason: 'mended' })
const removeKey = async (region: string, kid: string) => {
  await changeAnyVersion(plane.plane.directory, { change: { kind: 'remove_key', region, kid }, by: BY, reason: 'stolen' })
  await settle()
}

describe('the first publication', () => {
  test('gives every region a verifiable bundle and directory of its zone at once', async () => {
    await first()
    for (const { region } of plane.cells) {
      const [bundle, directory] = [await bundleAt(plane, region), directoryAt(plane, region)]
      expect(bundle.notAfterMs).toBe(plane.nowMs + MAX_AGE_MS)
      expect(directory.issuers.map((issuer) => issuer.region)).toEqual(['eu-west-1', 'eu-central-1', 'us-east-1'])
      expect([bundle.seq, directory.seq]).toEqual([pointerOf(plane, region).bundleSeq, pointerOf(plane, region).directorySeq])
    }
  })

  test('leaves agents and tenants of other zones out of a bundle', async () => {
    await first()
    const { agents } = await bundleAt(plane, 'us-east-1')
    expect([...agents.keys()]).toEqual(expect.arrayContaining(['ops-agent', 'research-agent']))
    expect([...agents.keys()]).not.toContain('finance-agent')
    expect([...directoryAt(plane, 'us-east-1').tenants.keys()].sort()).toEqual(['globex-us', 'umbrella'])
  })

  test('moves a pointer only after both objects read back whole, through its own region', async () => {
    await first()
    const steps = plane.cell('eu-west-1').log.map((step) => step.split(' ').slice(0, 2).join(' '))
    const moved = steps.indexOf('move pointer')
    expect(steps.slice(0, moved)).toEqual(expect.arrayContaining(['put bundles', 'put directories']))
    expect(steps.slice(0, moved).filter((step) => step.startsWith('get '))).toHaveLength(4)
    for (const { region, pointers } of plane.cells) expect([...pointers.keys()]).toEqual([`${region} stable`])
  })

  test('does nothing to any region before it', async () => {
    await settle()
    for (const { bucket, pointers } of plane.cells) expect([bucket.size, pointers.size]).toEqual([0, 0])
  })
})

describe('a region that fails', () => {
  test('does not hold up the others, and gets everything when it is back', async () => {
    plane.cell('eu-west-1').down = true
    await plane.rebuilt()
    await first()
    expect(pointerOf(plane, 'us-east-1').bundleSeq).toBeGreaterThan(0)
    expect(statusOf('eu-west-1')).toMatchObject({ seq: null, error: expect.stringContaining('away') })
    plane.cell('eu-west-1').down = false
    await settle()
    await settle()
    expect(statusOf('eu-west-1')).toMatchObject({ seq: plane.plane.kernel.state().active?.seq, error: null })
  })

  test.each([
    ['loses what is put', () => undefined],
    ['alters what is put', (body: Uint8Array) => body.slice(1)],
  ])('refuses to point at a bucket that %s', async (_what, spoil) => {
    plane.cell('us-east-1').spoil = spoil
    await first()
    expect(pointerOf(plane, 'us-east-1')).toBeUndefined()
    expect(statusOf('us-east-1')?.error).toMatch(/reads back as missing|reads back altered/)
    expect(pointerOf(plane, 'eu-west-1')).toBeDefined()
  })

  test('has its pointer put back when somebody moved or removed it', async () => {
    await first()
    const right = pointerOf(plane, 'eu-west-1')
    plane.cell('eu-west-1').pointers.clear()
    await settle()
    expect(pointerOf(plane, 'eu-west-1')).toMatchObject({ bundleDigest: right.bundleDigest })
    plane.cell('eu-west-1').pointers.set('eu-west-1 stable', { ...right, bundleDigest: '0'.repeat(64) })
    await settle()
    expect(pointerOf(plane, 'eu-west-1').bundleDigest).toBe(right.bundleDigest)
  })

  test('keeps its last known issuer and attester in the directories, also when the store was lost meanwhile', async () => {
    const key = (purpose: string) => testKey(purpose).jwk
    const attester: Attester = { region: 'eu-central-1', zone: 'eu', approval: key('approval'), data_protection: key('dpo') }
    plane.cell('eu-central-1').attester = attester
    await first()
    expect(directoryAt(plane, 'us-east-1').attesters).toEqual([attester])
    plane.cell('eu-central-1').down = true
    await plane.rebuilt({ empty: true })
    await first()
    expect(kidsOf(plane, 'eu-central-1', 'us-east-1')).toEqual(['token-central'])
    expect(directoryAt(plane, 'us-east-1').attesters).toEqual([attester])
  })
})

describe('the store', () => {
  test('is enough for another process to go on: nothing is published anew', async () => {
    await first()
    const before = plane.cells.map(({ pointers }) => [...pointers.values()])
    await plane.rebuilt()
    expect(plane.cells.map(({ pointers }) => [...pointers.values()])).toEqual(before)
  })

  test('lost, a new one goes on above the highest number in any region, also of one that is away', async () => {
    await first()
    plane.cell('us-east-1').pointers.set('eu-west-1 stable', { ...pointerOf(plane, 'eu-west-1'), bundleSeq: 40, directorySeq: 40 })
    plane.cell('eu-west-1').down = true
    await plane.rebuilt({ empty: true })
    await first()
    expect(pointerOf(plane, 'us-east-1').bundleSeq).toBeGreaterThan(40)
  })

  test('lost, a region that comes back with a higher number than anybody knew of is overtaken', async () => {
    await first()
    plane.cell('eu-west-1').pointers.set('eu-west-1 stable', { ...pointerOf(plane, 'eu-west-1'), bundleSeq: 90, directorySeq: 91 })
    plane.cell('eu-west-1').down = true
    await plane.rebuilt({ empty: true })
    await first()
    plane.cell('eu-west-1').down = false
    for (let rounds = 0; rounds < 4; rounds++) await settle()
    const seqs = plane.cells.map(({ region }) => pointerOf(plane, region).bundleSeq)
    expect(Math.min(...seqs)).toBeGreaterThan(90)
    expect(new Set(seqs).size).toBe(1)
  })

  test.each([Number.MAX_SAFE_INTEGER, 2_000_000_000])(
    'a region whose pointer claims number %d makes nobody count on from there',
    async (bundleSeq) => {
      await first()
      const honest = pointerOf(plane, 'us-east-1')
      plane.cell('us-east-1').pointers.set('us-east-1 stable', { ...honest, bundleSeq, directorySeq: bundleSeq })
      for (let rounds = 0; rounds < 3; rounds++) await settle()
      expect(pointerOf(plane, 'us-east-1')).toMatchObject({ bundleSeq: honest.bundleSeq, directorySeq: honest.directorySeq })
      plane.cell('us-east-1').pointers.set('us-east-1 stable', { ...honest, bundleSeq, directorySeq: bundleSeq })
      await plane.rebuilt()
      await plane.plane.publishing.renew('ben', 'x')
      await settle()
      expect(plane.plane.kernel.state().seq).toBeLessThan(100)
      expect(pointerOf(plane, 'us-east-1').bundleSeq).toBe(plane.plane.kernel.state().active?.seq)
    },
  )

  test('away, it takes no order, and what is active stays', async () => {
    await first()
    plane.store.down = true
    await expect(plane.plane.publishing.renew('ben', 'x')).rejects.toThrow('the bucket is away')
    await expect(plane.register(sourcesWithLimit(1))).rejects.toThrow()
    plane.store.down = false
    expect(await limitAt(plane, 'eu-west-1')).toBe(500_000)
  })

  test('of two processes that act at once one comes first, and the other is told', async () => {
    await first()
    const revision = await plane.register(sourcesWithLimit(800_000))
    const other = await testTwin(plane)
    const order = { revision, expects: undefined, reason: 'x', replay: undefined, shadowS: 0, maxNewDenyPercent: undefined }
    const outcomes = await Promise.allSettled([
      plane.plane.publishing.publish({ ...order, publisher: 'ana' }),
      other.plane.publishing.publish({ ...order, publisher: 'ben' }),
    ])
    expect(outcomes.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected'])
    const [refused] = outcomes.flatMap((one) => (one.status === 'rejected' ? [one.reason] : []))
    expect([refused.name, refused.code]).toEqual(expect.arrayContaining([expect.stringMatching(/LedgerConflictError|PlaneError/)]))
  })
})

/** Another process over the same store and regions. */
async function testTwin(of: TestPlane): Promise<TestPlane> {
  const twin: TestPlane = Object.create(of)
  await of.rebuilt.call(twin)
  return twin
}

describe('renewal', () => {
  test('keeps the revision and lasts longer, in time and without being asked', async () => {
    const revision = await first()
    const before = pointerOf(plane, 'eu-west-1').bundleSeq
    plane.nowMs += 6 * HOUR_MS - 1
    await settle()
    expect(pointerOf(plane, 'eu-west-1').bundleSeq).toBe(before)
    plane.nowMs += 1
    await settle()
    const bundle = await bundleAt(plane, 'eu-west-1')
    expect([bundle.revision, bundle.notAfterMs]).toEqual([revision, plane.nowMs + MAX_AGE_MS])
    expect(directoryAt(plane, 'eu-west-1').notAfterMs).toBe(plane.nowMs + MAX_AGE_MS)
    expect(bundle.seq).toBeGreaterThan(before)
  })

  test('goes on when KMS is back', async () => {
    await first()
    plane.nowMs += 6 * HOUR_MS
    plane.kmsAway = true
    await expect(settle()).rejects.toThrow('KMS is away')
    plane.kmsAway = false
    await settle()
    expect(directoryAt(plane, 'eu-west-1').notAfterMs).toBe(plane.nowMs + MAX_AGE_MS)
  })

  test('by the next signing key comes at once, as soon as it signs: then the old one may leave the trust root', async () => {
    const revision = await first()
    const before = pointerOf(plane, 'eu-west-1').bundleSeq
    const [old, next] = [plane.signing, testKey('next')]
    plane.signing = next
    // While keys rotate both are pinned: what the old one signed still counts.
    plane.trust = trustIn(old, next)
    expect((await bundleAt(plane, 'eu-west-1')).seq).toBe(before)
    await plane.rebuilt()
    plane.trust = trustIn(next)
    const bundle = await bundleAt(plane, 'eu-west-1')
    expect([bundle.revision, bundle.seq > before]).toEqual([revision, true])
    expect(directoryAt(plane, 'eu-west-1').issuers).toHaveLength(3)
  })

  test('a new day brings its grants', async () => {
    await first()
    const days = () => [...new Set(directoryAt(plane, 'eu-west-1').grants.map(({ period }) => period))]
    expect(days()).toEqual(['2026-01-01', '2026-01-02', '2026-01-03'])
    plane.nowMs += 24 * HOUR_MS
    await settle()
    expect(days()).toEqual(['2026-01-02', '2026-01-03', '2026-01-04'])
  })
})

describe('rotation of a token key', () => {
  const rotate = async (kid: string) => {
    plane.cell('us-east-1').key = testKey(kid).jwk
    await settle()
  }

  test('lists the new key first and the old one until its tokens have ended', async () => {
    await first()
    await rotate('new')
    expect(kidsOf(plane, 'us-east-1', 'eu-west-1')).toEqual(['new', 'token-us'])
    const seq = pointerOf(plane, 'eu-west-1').directorySeq
    plane.nowMs += OVERLAP_MS - 1
    await settle()
    expect(pointerOf(plane, 'eu-west-1').directorySeq).toBe(seq)
    plane.nowMs += 1
    await settle()
    expect(kidsOf(plane, 'us-east-1', 'eu-west-1')).toEqual(['new'])
  })

  test('keeps its appointed end when the store was lost, or the region is away', async () => {
    await first()
    await rotate('new')
    plane.nowMs += OVERLAP_MS / 2
    await plane.rebuilt({ empty: true })
    await first()
    plane.cell('us-east-1').down = true
    await settle()
    expect(kidsOf(plane, 'us-east-1', 'eu-west-1')).toEqual(['new', 'token-us'])
    plane.cell('us-east-1').down = false
    await settle()
    plane.nowMs += OVERLAP_MS / 2
    await settle()
    expect(kidsOf(plane, 'us-east-1', 'eu-west-1')).toEqual(['new'])
  })

  test('keeps the old key while its region has not got the new directory, as it still signs with it', async () => {
    await first()
    plane.cell('us-east-1').spoil = () => undefined
    await rotate('new')
    plane.nowMs += OVERLAP_MS
    await settle()
    expect(kidsOf(plane, 'us-east-1', 'eu-west-1')).toEqual(['new', 'token-us'])
    plane.cell('us-east-1').spoil = undefined
    await settle()
    await settle()
    plane.nowMs += OVERLAP_MS
    await settle()
    expect(kidsOf(plane, 'us-east-1', 'eu-west-1')).toEqual(['new'])
  })

  test('takes back a key that the alias returns to, and lists no more than a directory takes', async () => {
    await first()
    await rotate('new')
    await rotate('token-us')
    expect(kidsOf(plane, 'us-east-1', 'eu-west-1')?.[0]).toBe('token-us')
    for (let i = 0; i < 20; i++) await rotate(`key-${i}`)
    expect(kidsOf(plane, 'us-east-1', 'eu-west-1')).toHaveLength(16)
    expect(kidsOf(plane, 'us-east-1', 'eu-west-1')?.slice(0, 2)).toEqual(['key-19', 'key-18'])
  })
})

describe('removal of a token key in an emergency', () => {
  test('takes it away at once in every region, though KMS still gives it, and for good', async () => {
    await first()
    await removeKey('us-east-1', 'token-us')
    for (const seenAt of ['eu-west-1', 'us-east-1']) expect(kidsOf(plane, 'us-east-1', seenAt)).toEqual([])
    plane.cell('us-east-1').key = testKey('clean').jwk
    await settle()
    expect(kidsOf(plane, 'us-east-1', 'eu-west-1')).toEqual(['clean'])
    plane.cell('us-east-1').key = testKey('token-us').jwk
    await settle()
    expect(kidsOf(plane, 'us-east-1', 'eu-west-1')).not.toContain('token-us')
  })

  test('lasts when the store was lost and all directories have expired meanwhile', async () => {
    await first()
    await removeKey('us-east-1', 'token-us')
    plane.nowMs += 2 * MAX_AGE_MS
    await plane.rebuilt({ empty: true })
    await first()
    expect(kidsOf(plane, 'us-east-1', 'eu-west-1')).toEqual([])
    expect(kidsOf(plane, 'eu-west-1', 'us-east-1')).toEqual(['token-west'])
  })

  test('lasts when the store was lost and only a region that was away has heard of it', async () => {
    await first()
    for (const region of ['eu-west-1', 'eu-central-1']) plane.cell(region).down = true
    await removeKey('us-east-1', 'token-us')
    plane.cell('us-east-1').down = true
    for (const region of ['eu-west-1', 'eu-central-1']) plane.cell(region).down = false
    await plane.rebuilt({ empty: true })
    await first()
    // Nobody who answers knows better yet. What counts is that the one who does is not overwritten.
    plane.cell('us-east-1').down = false
    for (let rounds = 0; rounds < 3; rounds++) await settle()
    for (const { region } of plane.cells) expect(kidsOf(plane, 'us-east-1', region)).toEqual([])
  })

  test('refuses the keys of a region that is away when the directory that gave them has expired', async () => {
    await first()
    plane.nowMs += 2 * MAX_AGE_MS
    plane.cell('us-east-1').down = true
    await plane.rebuilt({ empty: true })
    await first()
    expect(kidsOf(plane, 'us-east-1', 'eu-west-1')).toEqual([])
    expect(kidsOf(plane, 'eu-west-1', 'eu-west-1')).toEqual(['token-west'])
  })

  test('is made up for when signing failed', async () => {
    await first()
    plane.kmsAway = true
    await expect(removeKey('us-east-1', 'token-us')).rejects.toThrow('KMS is away')
    plane.kmsAway = false
    await settle()
    expect(kidsOf(plane, 'us-east-1', 'eu-west-1')).toEqual([])
  })
})

describe('lifted kill switches', () => {
  const liftedAt = () => plane.cells.map(({ region }) => directoryAt(plane, region).lifted)

  test('stand in the directory of every zone from then on, also when the store was lost', async () => {
    await first()
    await lift('kill-2')
    await lift('kill-1')
    await settle()
    expect(liftedAt()).toEqual(Array(3).fill(['kill-1', 'kill-2']))
    plane.nowMs += 2 * MAX_AGE_MS
    await plane.rebuilt({ empty: true })
    await first()
    expect(liftedAt()).toEqual(Array(3).fill(['kill-1', 'kill-2']))
  })
})

describe('the directory', () => {
  const change = (change: Parameters<typeof changeAnyVersion>[1]['change']) =>
    changeAnyVersion(plane.plane.directory, { change, by: BY, reason: 'asked for' })

  test('a tenant that is bound to nothing any more takes its documents into every bundle, under a higher number', async () => {
    const revision = await first()
    const before = pointerOf(plane, 'us-east-1').bundleSeq
    await change({ kind: 'put_tenant', id: 'acme-eu', fields: { binding: 'none', mode: 'enforce', residency: 'enforce' } })
    await settle()
    const bundle = await bundleAt(plane, 'us-east-1')
    expect([...bundle.agents.keys()]).toContain('finance-agent')
    expect([bundle.revision, bundle.seq > before]).toEqual([revision, true])
  })

  test('a budget of another amount is granted, and the bundle stays as it is', async () => {
    await first()
    const granted = () =>
      directoryAt(plane, 'eu-west-1')
        .grants.filter(({ agent, period }) => agent === 'treasury-agent' && period === '2026-01-01')
        .reduce((sum, { amount }) => sum + amount, 0)
    expect(granted()).toBe(2_000_000)
    const { bundleSeq } = pointerOf(plane, 'eu-west-1')
    await change({ kind: 'put_budget', id: 'treasury-agent', fields: { amount: 700_000, reason: 'less is enough' } })
    await settle()
    expect(granted()).toBe(700_000)
    expect(pointerOf(plane, 'eu-west-1').bundleSeq).toBe(bundleSeq)
  })

  test('refuses to remove a tenant that documents in force name', async () => {
    await first()
    await expect(change({ kind: 'remove_tenant', id: 'acme-eu' })).rejects.toBeInstanceOf(DirectoryRefusedError)
  })

  test('says who changed what and why, in order', async () => {
    await first()
    await lift('kill-1')
    await change({ kind: 'put_budget', id: 'treasury-agent', fields: { amount: 1, reason: 'x' } })
    const changes = await plane.plane.directory.changes(0)
    expect(changes.map(({ version, by, change: { kind } }) => [version, by.sub, kind])).toEqual([
      [1, 'startup', 'import'],
      [2, 'ben', 'lift'],
      [3, 'ben', 'put_budget'],
    ])
    expect((await plane.plane.directory.changes(2)).map(({ version }) => version)).toEqual([3])
  })
})

describe('bad policy', () => {
  test('is refused with its faults, leaves no trace, and is forgotten when it is mended', async () => {
    await first()
    const entries = plane.store.objects.size
    const sources = demoSources()
    const path = 'documents/agents/finance-agent.yaml'
    const broken = new Map([...sources, [path, `${sources.get(path)}\nallowed_toolz: {}\n`]])
    await expect(plane.register(broken)).rejects.toMatchObject({
      code: 'policy_refused',
      facts: { faults: [expect.objectContaining({ message: expect.stringContaining('unknown key') })] },
    })
    expect(plane.registration.refused()).toContain('allowed_toolz')
    expect(plane.store.objects.size).toBe(entries)
    await plane.register(sourcesWithLimit(1))
    expect(plane.registration.refused()).toBeUndefined()
  })

  test('refuses changed Rego where there is no opa, and says how to get it', async () => {
    const path = 'modules/gateway/access.rego'
    const changed = new Map([...demoSources(), [path, `${demoSources().get(path)}\n# changed\n`]])
    await expect(plane.register(changed)).rejects.toThrow(/npm run tools/)
  })
})
