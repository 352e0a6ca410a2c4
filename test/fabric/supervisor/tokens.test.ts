import { expect, test } from '@jest/globals'
import { deployment as input } from '../../../config/deployment.ts'
import { publicNames } from '../../../config/names.ts'
import { resolveDeployment } from '../../../config/resolve.ts'
import { demoClaims } from '../../../runtime/fabric/supervisor/tokens.ts'
import { signAccessToken } from '../../../runtime/identity/access-token.ts'
import { type SenderProof, tokenVerifier } from '../../../runtime/identity/verify-token.ts'
import type { Tenant } from '../../../runtime/model/zones.ts'
import { testKey } from '../../support/policy.ts'

const names = publicNames(resolveDeployment(input))
const bound: Tenant = { id: 'acme-eu', zone: 'eu', homeRegion: 'eu-west-1', binding: 'zone', mode: 'enforce', residency: 'enforce' }
const unbound: Tenant = { id: 'umbrella', zone: 'global', homeRegion: null, binding: 'none', mode: 'enforce', residency: 'enforce' }
const nowMs = Date.UTC(2026, 0, 1)
const key = testKey('token-west')
const trusted = {
  issuers: new Map([
    ['https://eu-west-1.aegis.example', { iss: names.regionUrl('eu-west-1'), region: 'eu-west-1', zone: 'eu', keys: [key.jwk] }],
  ]),
  tenants: new Map([bound, unbound].map((tenant) => [tenant.id, tenant])),
}
const BEARER: SenderProof = { scheme: 'bearer', method: 'POST', url: '/v1/decisions' }
const verifierOf = (zone: string) =>
  tokenVerifier({
    zone,
    regionUrl: names.regionUrl('eu-west-1'),
    zoneUrl: names.zoneUrl(zone),
    globalUrl: names.globalUrl,
    clock: { now: () => nowMs, monotonic: () => nowMs },
  })
const tokenFor = (tenant: Tenant) =>
  signAccessToken(demoClaims({ agentId: 'some-agent', tenant, issuerRegion: 'eu-west-1', nowMs }, names), key.signer)

test("a gateway of the tenant's zone takes a bound tenant's demo token for an hour", async () => {
  await expect(verifierOf('eu').verify(await tokenFor(bound), trusted, BEARER)).resolves.toMatchObject({
    agentId: 'some-agent',
    tenant: 'acme-eu',
    zone: 'eu',
    expiresAt: nowMs / 1000 + 3600,
  })
})

test('a gateway of another zone refuses it', async () => {
  // Its directory does not list the tenant.
  const elsewhere = { ...trusted, tenants: new Map([[unbound.id, unbound]]) }
  await expect(verifierOf('us').verify(await tokenFor(bound), elsewhere, BEARER)).rejects.toMatchObject({ code: 'wrong_zone' })
})

test('every zone takes the demo token of a tenant that nothing binds', async () => {
  for (const zone of ['eu', 'us', 'apac']) {
    await expect(verifierOf(zone).verify(await tokenFor(unbound), trusted, BEARER)).resolves.toMatchObject({
      tenant: 'umbrella',
      zone: 'global',
    })
  }
})

test('two tokens of one agent belong to two sessions', () => {
  const claims = () => demoClaims({ agentId: 'some-agent', tenant: bound, issuerRegion: 'eu-west-1', nowMs }, names)
  expect(claims().sid).not.toBe(claims().sid)
  expect(claims().jti).not.toBe(claims().jti)
})
