import { beforeEach, expect, test } from '@jest/globals'
import { type Publisher, publisher } from '../../runtime/control-plane/publisher.ts'
import { accessTokenClaims, signAccessToken } from '../../runtime/identity/access-token.ts'
import { listsKey, type RotatingSigner, rotatingSigner } from '../../runtime/identity/rotating-signer.ts'
import { type TrustedIssuers, tokenVerifier } from '../../runtime/identity/verify-token.ts'
import type { Signer } from '../../runtime/model/ports.ts'
import { builtWasm } from '../../runtime/policy/build.ts'
import { verifyDirectory } from '../../runtime/policy/directory.ts'
import { loadDocuments } from '../../runtime/policy/documents.ts'
import { directoryKey } from '../../runtime/state/pointers.ts'
import { testKey, trustIn } from '../support/policy.ts'
import { type MemoryCell, memoryCell } from './memory-cell.ts'

// The whole way of a key: the control plane sees it in KMS, the directory carries it, a region signs with it, and the other
// region of the zone verifies by its own directory.

const REGION_URL = 'https://eu-west-1.aegis.example'
const urls = { zoneUrl: 'https://eu.aegis.example', globalUrl: 'https://global.aegis.example' }
const OVERLAP_MS = 65 * 60_000
const control = testKey('control')
const keys = { old: testKey('old'), new: testKey('new') }

let nowMs: number
let alias: 'old' | 'new'
let west: MemoryCell
let central: MemoryCell
let plane: Publisher
let signer: RotatingSigner
const clock = { now: () => nowMs, monotonic: () => nowMs }

beforeEach(async () => {
  nowMs = Date.UTC(2026, 0, 1)
  alias = 'old'
  west = memoryCell('eu-west-1', 'eu', keys.old.jwk)
  central = memoryCell('eu-central-1', 'eu', testKey('central').jwk)
  plane = publisher({
    cells: [west, central],
    zones: { eu: ['eu-west-1', 'eu-central-1'], us: ['us-east-1'], apac: ['ap-southeast-1'] },
    ring: 'stable',
    maxAgeMs: 72 * 3_600_000,
    keyOverlapMs: OVERLAP_MS,
    loadDocuments: () => documents,
    wasm,
    signer: { ...control.signer, publicJwk: control.jwk },
    clock,
    log: () => {},
  })
  signer = rotatingSigner({
    resolve: async () => keys[alias].signer,
    usable: (keyId) => listsKey(trustedAt(west), REGION_URL, keyId),
    log: () => {},
  })
  await plane.publish()
  await signer.refresh()
})
const documents = loadDocuments('demo')
const wasm = builtWasm()
const trust = trustIn(control)

function trustedAt(cell: MemoryCell): TrustedIssuers {
  const digest = cell.pointers.get(`${cell.region} stable`)?.directoryDigest ?? ''
  const jws = Buffer.from(cell.bucket.get(directoryKey(digest)) ?? []).toString()
  const { issuers, tenants } = verifyDirectory(jws, { trust, zone: 'eu', nowMs, minSeq: 0 })
  return { issuers: new Map(issuers.map((issuer) => [issuer.iss, issuer])), tenants }
}

async function issue(by: Signer | undefined): Promise<string> {
  const tenant = documents.tenants.find(({ id }) => id === 'acme-eu')
  if (by === undefined || tenant === undefined) throw new Error('there is no key to sign with')
  return signAccessToken(accessTokenClaims({ iss: REGION_URL, agent: 'finance-agent', tenant, nowMs, lifetimeS: 600 }, urls), by)
}

async function accepted(token: string): Promise<boolean> {
  const verifier = tokenVerifier({ zone: 'eu', regionUrl: 'https://eu-central-1.aegis.example', ...urls, clock })
  const verified = verifier.verify(token, trustedAt(central), { scheme: 'bearer', method: 'POST', url: '/' })
  return Promise.resolve(verified).then(
    () => true,
    () => false,
  )
}

test('a rotation breaks no token: the new key signs once it is listed, and the old one counts until its tokens have ended', async () => {
  alias = 'new'
  await signer.refresh()
  expect(signer.current()?.keyId).toBe('old')
  const last = await issue(signer.current())
  expect(await accepted(last)).toBe(true)

  west.key = keys.new.jwk
  await plane.reconcile()
  expect(signer.current()?.keyId).toBe('new')
  expect([await accepted(last), await accepted(await issue(signer.current()))]).toEqual([true, true])

  nowMs += OVERLAP_MS
  await plane.reconcile()
  const late = await issue(keys.old.signer)
  expect([await accepted(late), await accepted(await issue(signer.current()))]).toEqual([false, true])
})

test('refuses every token of a key that was removed, at once, and the region signs no more until it has another', async () => {
  const stolen = await issue(keys.old.signer)
  expect(await accepted(stolen)).toBe(true)
  await plane.removeKey('eu-west-1', 'old')
  expect(await accepted(stolen)).toBe(false)
  expect(signer.current()).toBeUndefined()

  alias = 'new'
  west.key = keys.new.jwk
  await Promise.all([signer.refresh(), plane.reconcile()])
  expect(await accepted(await issue(signer.current()))).toBe(true)
  expect(await accepted(stolen)).toBe(false)
})
