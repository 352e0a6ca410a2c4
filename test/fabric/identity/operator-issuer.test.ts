import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from '@jest/globals'
import { type OperatorIssuer, operatorIssuer } from '../../../runtime/fabric/identity/operator-issuer.ts'
import { operatorTokens } from '../../../runtime/fabric/identity/operators.ts'
import { operatorVerifier } from '../../../runtime/identity/operator-token.ts'

const ISSUER = 'https://login.company.example/tenant-1'
const AUDIENCE = 'https://operators.aegis.example'
let keysDir: string
let issuer: OperatorIssuer
let nowMs: number

beforeEach(async () => {
  nowMs = 1_700_000_000_000
  keysDir = mkdtempSync(join(tmpdir(), 'aegis-issuer-'))
  issuer = await made()
})
afterEach(() => rmSync(keysDir, { recursive: true, force: true }))

const made = () => operatorIssuer({ issuer: ISSUER, audience: AUDIENCE, keysDir, now: () => nowMs })

/** As a gateway checks it, by what the provider publishes. */
const verifier = (audience = AUDIENCE) =>
  operatorVerifier({
    issuer: ISSUER,
    audience,
    fetchJson: async (url) => {
      const found = issuer.documents[new URL(url).pathname]
      if (found === undefined) throw new Error(`nothing at ${url}`)
      return found
    },
    clock: { now: () => nowMs, monotonic: () => nowMs },
  })

test('its tokens are good for the operator side, and say who it is', async () => {
  const token = issuer.issue({ sub: 'dpo@acme-eu', tenants: ['acme-eu'], roles: ['dpo'] })
  await expect(verifier().verify(`Bearer ${token}`)).resolves.toMatchObject({ sub: 'dpo@acme-eu', tenants: ['acme-eu'], roles: ['dpo'] })
})

test('its tokens end after an hour, and are for nobody else', async () => {
  const token = issuer.issue({ sub: 'viewer@operators', tenants: ['*'], roles: ['viewer'] })
  await expect(verifier('https://eu.aegis.example').verify(`Bearer ${token}`)).rejects.toMatchObject({ code: 'invalid_token' })
  nowMs += 3_599_000
  await expect(verifier().verify(`Bearer ${token}`)).resolves.toBeDefined()
  nowMs += 60_000
  await expect(verifier().verify(`Bearer ${token}`)).rejects.toMatchObject({ code: 'invalid_token' })
})

test('its key outlives a start', async () => {
  expect((await made()).documents).toEqual(issuer.documents)
})

test('publishes no private key', () => {
  expect(JSON.stringify(issuer.documents)).not.toMatch(/"d":/)
})

test('each person has one role, for one tenant or as an operator of all', async () => {
  const { approver_tokens, operator_tokens } = operatorTokens(issuer, ['acme-eu', 'clinic-eu'])
  const who = async (token: string) => {
    const { sub, tenants, roles } = await verifier().verify(`Bearer ${token}`)
    return [sub, ...tenants, ...roles]
  }
  expect(await Promise.all(Object.values(approver_tokens['clinic-eu'] ?? {}).map(who))).toEqual([
    ['approver@clinic-eu', 'clinic-eu', 'approver'],
    ['second@clinic-eu', 'clinic-eu', 'approver'],
    ['dpo@clinic-eu', 'clinic-eu', 'dpo'],
  ])
  expect(await Promise.all(Object.entries(operator_tokens).map(async ([name, token]) => [name, ...(await who(token))]))).toEqual(
    ['viewer', 'author', 'publisher', 'killer', 'failover'].map((role) => [role, `${role}@operators`, '*', role]),
  )
})
