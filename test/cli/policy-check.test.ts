import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from '@jest/globals'
import { EXIT } from '../../runtime/cli/exit-codes.ts'
import { policyCheck } from '../../runtime/cli/policy/check.ts'

let folder: string
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'aegis-documents-'))
  cpSync(join(import.meta.dirname, '../../demo'), folder, { recursive: true })
})
afterEach(() => rmSync(folder, { recursive: true, force: true }))

function check(dir = folder) {
  const lines: string[] = []
  return { code: policyCheck((line) => void lines.push(line), dir), said: lines.join('\n') }
}
function change(file: string, from: string | RegExp, to: string) {
  const path = join(folder, file)
  const text = readFileSync(path, 'utf8')
  const changed = text.replace(from, to)
  if (changed === text) throw new Error(`${file} has no ${from}`)
  writeFileSync(path, changed)
}

test('counts what is in documents without faults', () => {
  const { code, said } = check()
  expect(code).toBe(EXIT.held)
  expect(said).toMatch(/: 5 tenants, \d+ tools, \d+ agents, \d+ clients, and no fault$/)
})

test.each<[string, string, string | RegExp, string, RegExp]>([
  [
    'an action that the tool has not',
    'agents/finance-agent.yaml',
    'create_payment:',
    'create_paymen:',
    /finance-agent\.yaml:\d+:\d+: .*create_paymen/,
  ],
  [
    'a tenant whose home is in another zone',
    'tenants.yaml',
    'home_region: eu-west-1',
    'home_region: us-east-1',
    /tenants\.yaml:.*would leave the zone/,
  ],
  ['a client that no agent is', 'clients.yaml', 'finance-agent:', 'nobody:', /clients\.yaml:\d+:\d+: .*nobody/],
  ['YAML that is none', 'tools.yaml', 'stripe-payments:', 'stripe-payments: [', /tools\.yaml:\d+:\d+: /],
  [
    'what only a rule sees',
    'agents/finance-agent.yaml',
    /crm:\n {4}read_contact: \{\}/,
    'crm: {}',
    /finance-agent\.yaml:\d+:\d+: .*\[[a-z-]+\]/,
  ],
])('refuses %s, with its place', (_what, file, from, to, line) => {
  change(file, from, to)
  const { code, said } = check()
  expect(code).toBe(EXIT.failed)
  expect(said).toMatch(line)
  expect(said).toMatch(/: \d+ faults?$/)
})

test('refuses a folder that is not there', () => {
  const { code, said } = check(join(folder, 'absent'))
  expect(code).toBe(EXIT.failed)
  expect(said).toMatch(/there is no such file/)
})
