import { describe, expect, test } from '@jest/globals'
import type { Tenant } from '../../runtime/model/zones.ts'
import {
  type Attester,
  buildDirectory,
  type DirectoryContents,
  type Issuer,
  signDirectory,
  verifyDirectory,
} from '../../runtime/policy/directory.ts'
import { loadDocuments } from '../../runtime/policy/documents.ts'
import { signCompact } from '../../runtime/policy/jws.ts'
import { checkTenants } from '../../runtime/policy/tenants.ts'
import { testKey, trustIn } from '../support/policy.ts'

const key = testKey('current')
const zones = { eu: ['eu-west-1', 'eu-central-1'], us: ['us-east-1'], apac: ['ap-southeast-1'] }
const issuers: Issuer[] = Object.entries(zones).flatMap(([zone, regions]) =>
  regions.map((region) => ({ iss: `https://${region}.aegis.example`, region, zone, keys: [testKey(region).jwk] })),
)
const attester: Attester = { region: 'us-east-1', zone: 'us', approval: testKey('approval').jwk, data_protection: testKey('dpo').jwk }
const { tenants } = loadDocuments('demo')
const contents: DirectoryContents = { zone: 'eu', seq: 3, notBeforeMs: 1000, notAfterMs: 2000, zones, tenants, issuers }
const expected = { trust: trustIn(key), zone: 'eu', nowMs: 1500, minSeq: 3 }

describe('a signed directory', () => {
  test('lists its own tenants, those without residency, and every issuer', async () => {
    const directory = verifyDirectory(await signDirectory(buildDirectory(contents), key.signer), expected)
    expect([...directory.tenants.keys()]).toEqual(['acme-eu', 'clinic-eu', 'umbrella'])
    expect(directory.tenants.get('clinic-eu')).toEqual({
      id: 'clinic-eu',
      zone: 'eu',
      homeRegion: 'eu-west-1',
      binding: 'region',
      mode: 'enforce',
      residency: 'enforce',
    })
    expect(directory.tenants.get('umbrella')).toMatchObject({ zone: 'global', homeRegion: null })
    expect(directory.issuers).toEqual(issuers)
    expect(directory.zones).toEqual(zones)
    expect(directory.digest).toMatch(/^[0-9a-f]{64}$/)
  })

  test('lists the attestation keys that are known, and none where there are none', async () => {
    const read = async (more: Partial<DirectoryContents>) =>
      verifyDirectory(await signDirectory(buildDirectory({ ...contents, ...more }), key.signer), expected).attesters
    expect(await read({ attesters: [attester] })).toEqual([attester])
    expect(await read({})).toEqual([])
    expect(() => buildDirectory({ ...contents, attesters: [attester, attester] })).toThrow(/attester us-east-1: named twice/)
  })

  test('lists the regions without a cell, and refuses one that has an issuer or is in no zone', async () => {
    const there = issuers.filter(({ region }) => region !== 'eu-central-1')
    const built = buildDirectory({ ...contents, issuers: there, absent: ['eu-central-1'] })
    expect(verifyDirectory(await signDirectory(built, key.signer), expected).absent).toEqual(['eu-central-1'])
    // Not to wait for a region that is there could let two of them serve one tenant.
    const lying = await signDirectory({ ...built, issuers }, key.signer)
    expect(() => verifyDirectory(lying, expected)).toThrow('absent region eu-central-1: has an issuer, so it is there')
    expect(() => buildDirectory({ ...contents, absent: ['mars'] })).toThrow('absent region mars: is in no zone')
  })

  test.each([
    ['another zone', { zone: 'us' }, 'wrong_zone'],
    ['a seq below the high-water mark', { minSeq: 4 }, 'rolled_back'],
    ['a time before it is valid', { nowMs: 999 }, 'not_yet_valid'],
    ['the time when it expires', { nowMs: 2000 }, 'expired'],
    ['another key', { trust: trustIn(testKey('current')) }, 'bad_signature'],
    ['an unknown key', { trust: trustIn(testKey('other')) }, 'unknown_key'],
  ])('is refused for %s', async (_, change, code) => {
    const jws = await signDirectory(buildDirectory(contents), key.signer)
    expect(() => verifyDirectory(jws, { ...expected, ...change })).toThrow(expect.objectContaining({ code }))
  })
})

describe('refuses what is signed and contradicts itself', () => {
  const payload = {
    v: 1,
    zone: 'eu',
    seq: 3,
    not_before: 1000,
    not_after: 2000,
    zones,
    tenants: [{ id: 'acme-eu', zone: 'eu', home_region: 'eu-west-1', binding: 'zone', mode: 'enforce', residency: 'enforce' }],
    issuers,
    grants: [],
    lifted: [],
    clients: [],
  }
  test('but takes it as it is', async () => {
    const jws = await signCompact(payload, key.signer, 'aegis-directory+jwt')
    expect(verifyDirectory(jws, expected).tenants.size).toBe(1)
  })

  const [tenant] = payload.tenants
  test.each([
    ['another version', { v: 2 }],
    ['an unknown field', { more: true }],
    ['a tenant of another zone', { tenants: [{ ...tenant, zone: 'us', home_region: 'us-east-1' }] }],
    ['a home outside the zone', { tenants: [{ ...tenant, home_region: 'us-east-1' }] }],
    ['a tenant twice', { tenants: [tenant, tenant] }],
    ['an issuer twice', { issuers: [...issuers, issuers[0]] }],
    ['an issuer in a zone that is not its own', { issuers: [{ ...issuers[0], zone: 'us' }] }],
    ['an issuer with a private key', { issuers: [{ ...issuers[0], keys: [{ ...key.jwk, d: key.jwk.x }] }] }],
    ['an issuer that lists a removed key', { issuers: [{ ...issuers[0], removed: ['eu-west-1'] }] }],
    ['an attester twice', { attesters: [attester, attester] }],
    ['an attester in a zone that is not its own', { attesters: [{ ...attester, zone: 'eu' }] }],
    ['an attester with one key', { attesters: [{ ...attester, data_protection: undefined }] }],
    ['a grant of an unknown shape', { grants: [{}] }],
    ['a seq of 0', { seq: 0 }],
  ])('%s', async (_, change) => {
    const jws = await signCompact({ ...payload, ...change }, key.signer, 'aegis-directory+jwt')
    expect(() => verifyDirectory(jws, expected)).toThrow(expect.objectContaining({ code: 'malformed' }))
  })

  test('an access token in its place', async () => {
    const jws = await signCompact(payload, key.signer, 'at+jwt')
    expect(() => verifyDirectory(jws, expected)).toThrow(expect.objectContaining({ code: 'malformed' }))
  })

  test('more text than is read', () => {
    expect(() => verifyDirectory('x'.repeat(16 * 1024 * 1024 + 1), expected)).toThrow(expect.objectContaining({ code: 'too_large' }))
  })
})

describe('tenants', () => {
  const good: Tenant = { id: 'acme', zone: 'eu', homeRegion: 'eu-west-1', binding: 'zone', mode: 'enforce', residency: 'enforce' }
  test('of the demo are fine', () => {
    expect(checkTenants(tenants, zones)).toEqual([])
  })

  test.each<[string, Partial<Tenant>, RegExp]>([
    ['a home outside the zone', { homeRegion: 'us-east-1' }, /home region us-east-1 is not in zone eu \(eu-west-1, eu-central-1\)/],
    ['no home', { homeRegion: null }, /without a home region/],
    ['an unknown zone', { zone: 'mars' }, /no zone mars, there are eu, us, apac/],
    ['a zone that every object has', { zone: 'constructor' }, /no zone constructor/],
    ['no zone', { zone: 'global' }, /without a zone/],
    ['binding none with a zone', { binding: 'none' }, /binding none with zone eu/],
    ['binding none with a home', { binding: 'none', zone: 'global' }, /binding none with home region eu-west-1/],
  ])('refuses %s', (_, change, message) => {
    expect(checkTenants([{ ...good, ...change }], zones).join('\n')).toMatch(message)
    expect(() => buildDirectory({ ...contents, tenants: [{ ...good, ...change }] })).toThrow(message)
  })

  test('refuses a name twice', () => {
    expect(checkTenants([good, good], zones)).toEqual(['acme: there are two tenants of this name'])
  })

  test('refuses a directory for a zone that is not there', () => {
    expect(() => buildDirectory({ ...contents, zone: 'mars' })).toThrow(/no zone mars/)
  })
})
