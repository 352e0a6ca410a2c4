import { beforeEach, expect, test } from '@jest/globals'
import { changeAnyVersion } from '../../runtime/control-plane/directory/desk.ts'
import { accessTokenClaims, signAccessToken } from '../../runtime/identity/access-token.ts'
import { listsKey, type RotatingSigner, rotatingSigner } from '../../runtime/identity/rotating-signer.ts'
import { type TrustedIssuers, tokenVerifier } from '../../runtime/identity/verify-token.ts'
import type { Signer } from '../../runtime/model/ports.ts'
import { loadDocuments } from '../../runtime/policy/documents.ts'
import { testKey } from '../support/policy.ts'
import type { MemoryCell } from './memory-cell.ts'
import { directoryAt } from './seen.ts'
import { demoSources, OVERLAP_MS, type TestPlane, testPlane } from './test-plane.ts'

// The whole way of a key: the control plane sees it in KMS, the directory carries it, a region signs with it, and the other
// region of the zone verifies by its own directory.

const REGION_URL = 'https://eu-west-1.aegis.example'
const urls = { zoneUrl: 'https://eu.aegis.example', globalUrl: 'https://global.aegis.example' }
const keys = { old: testKey('old'), new: testKey('new') }
const documents = loadDocuments('demo')

let alias: 'old' | 'new'
let plane: TestPlane
let west: MemoryCell
let signer: RotatingSigner
const clock = { now: () => plane.nowMs, monotonic: () => plane.nowMs }

beforeEach(async () => {
  alias = 'old'
  plane = await testPlane()
  west = plane.cell('eu-west-1')
  west.key = keys.old.jwk
  signer = rotatingSigner({
    resolve: async () => keys[alias].signer,
    usable: (keyId) => listsKey(trustedAt('eu-west-1'), REGION_URL, keyId),
    log: () => {},
  })
  await plane.publish(demoSources())
  await signer.refresh()
})

function trustedAt(region: string): TrustedIssuers {
  const { issuers, tenants } = directoryAt(plane, region)
  return { issuers: new Map(issuers.map((issuer) => [issuer.iss, issuer])), tenants }
}

async function issue(by: Signer | undefined): Promise<string> {
  const tenant = documents.tenants.find(({ id }) => id === 'acme-eu')
  if (by === undefined || tenant === undefined) throw new Error('there is no key to sign with')
  return signAccessToken(
    accessTokenClaims({ iss: REGION_URL, agent: 'finance-agent', tenant, nowMs: plane.nowMs, lifetimeS: 600 }, urls),
    by,
  )
}

async function accepted(token: string): Promise<boolean> {
  const verifier = tokenVerifier({ zone: 'eu', regionUrl: 'https://eu-central-1.aegis.example', ...urls, clock })
  const verified = verifier.verify(token, trustedAt('eu-central-1'), { scheme: 'bearer', method: 'POST', url: '/' })
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
  await plane.plane.settle()
  expect(signer.current()?.keyId).toBe('new')
  expect([await accepted(last), await accepted(await issue(signer.current()))]).toEqual([true, true])

  plane.nowMs += OVERLAP_MS
  await plane.plane.settle()
  const late = await issue(keys.old.signer)
  expect([await accepted(late), await accepted(await issue(signer.current()))]).toEqual([false, true])
})

test('refuses every token of a key that was removed, at once, and the region signs no more until it has another', async () => {
  const stolen = await issue(keys.old.signer)
  expect(await accepted(stolen)).toBe(true)
  const by = { iss: '', sub: 'ben' }
  await changeAnyVersion(plane.plane.directory, { change: { kind: 'remove_key', region: 'eu-west-1', kid: 'old' }, by, reason: 'stolen' })
  await plane.plane.settle()
  expect(await accepted(stolen)).toBe(false)
  expect(signer.current()).toBeUndefined()

  alias = 'new'
  west.key = keys.new.jwk
  await Promise.all([signer.refresh(), plane.plane.settle()])
  expect(await accepted(await issue(signer.current()))).toBe(true)
  expect(await accepted(stolen)).toBe(false)
})
