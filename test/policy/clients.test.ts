import { cpSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from '@jest/globals'
import { DocumentError, loadDocuments, revisionOf } from '../../runtime/policy/documents.ts'
import { testKey } from '../support/policy.ts'

let folder: string
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'aegis-clients-'))
  cpSync('demo', folder, { recursive: true })
})
afterEach(() => rmSync(folder, { recursive: true, force: true }))

const jwk = JSON.stringify(testKey('workload').jwk)
const hash = `'${'a1'.repeat(32)}'`
const clientsOf = (yaml: string) => {
  writeFileSync(join(folder, 'clients.yaml'), yaml)
  return loadDocuments(folder).clients
}
const faultsOf = (yaml: string) => {
  try {
    clientsOf(yaml)
    return 'none'
  } catch (error) {
    if (error instanceof DocumentError) return error.faults.map(({ line, path, message }) => `${line} ${path}: ${message}`).join('\n')
    throw error
  }
}

test('gives a client the tenant of its agent', () => {
  expect(clientsOf(`finance-agent: { secret_sha256: ${hash} }`)).toEqual([
    { agent: 'finance-agent', tenant: 'acme-eu', secret_sha256: 'a1'.repeat(32) },
  ])
})

test('takes workloads with or without a secret', () => {
  const yaml = `ops-agent: { secret_sha256: ${hash}, assertions: [{ iss: https://c.example, sub: a, keys: [${jwk}] }] }
apac-agent: { assertions: [{ iss: https://c.example, sub: b, keys: [${jwk}] }] }`
  expect(clientsOf(yaml).map(({ agent, assertions }) => [agent, assertions?.[0]?.sub])).toEqual([
    ['ops-agent', 'a'],
    ['apac-agent', 'b'],
  ])
})

test('needs no file: then nobody gets a token', () => {
  rmSync(join(folder, 'clients.yaml'))
  expect(loadDocuments(folder).clients).toEqual([])
})

test('a new secret is no new policy version', () => {
  const before = revisionOf(new Uint8Array(), loadDocuments(folder))
  clientsOf(`finance-agent: { secret_sha256: ${hash} }`)
  expect(revisionOf(new Uint8Array(), loadDocuments(folder))).toBe(before)
})

const assertion = (more = '') => `{ iss: https://c.example, sub: a, keys: [${jwk}]${more} }`
test.each([
  ['an agent that is not there', `# nobody\nnobody: { secret_sha256: ${hash} }`, '2 nobody: there is no agent nobody in agents/'],
  ['a plain secret', 'finance-agent: { secret_sha256: demo-secret }', /1 finance-agent.secret_sha256: must be a SHA-256/],
  ['a secret under another name', 'finance-agent: { secret: x }', /unknown key/],
  ['a client without any way', 'finance-agent: {}', /1 finance-agent: needs secret_sha256, assertions, or both/],
  [
    'a workload of two agents',
    `finance-agent: { assertions: [${assertion()}] }\nops-agent: { assertions: [${assertion()}] }`,
    /2 ops-agent.assertions.0: the same iss and sub/,
  ],
  ['a workload without keys', 'finance-agent: { assertions: [{ iss: i, sub: s, keys: [] }] }', /1 finance-agent.assertions.0.keys/],
  ['a private key', `finance-agent: { assertions: [{ iss: i, sub: s, keys: [${jwk.replace('{', '{"d":"x",')}] }] }`, /unknown key/],
  ['an RSA key', 'finance-agent: { assertions: [{ iss: i, sub: s, keys: [{ kty: RSA, n: x, e: y, kid: k }] }] }', /keys.0/],
  ['two keys of one id', `finance-agent: { assertions: [{ iss: i, sub: s, keys: [${jwk}, ${jwk}] }] }`, /two keys have one kid/],
])('refuses %s, with its line', (_what, yaml, fault) => {
  expect(faultsOf(yaml)).toMatch(fault)
})
