import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from '@jest/globals'
import { toolHosts } from '../../lib/constructs/tool-hosts.ts'

let dir: string
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'aegis-hosts-'))
})
afterEach(() => rmSync(dir, { recursive: true, force: true }))

test('endpoints of every region and the egress lists of agents, each once', () => {
  writeFileSync(
    join(dir, 'tools.yaml'),
    'pay: { endpoints: { eu-west-1: https://pay.example:8443/x, us-east-1: https://b.example } }\nfetch: {}\n',
  )
  mkdirSync(join(dir, 'agents'))
  writeFileSync(join(dir, 'agents/a.yaml'), 'egress: [{ host: b.example }, { host: a.example, zone: eu }]\n')
  expect(toolHosts(dir)).toEqual(['a.example', 'b.example', 'pay.example'])
})

test.each([
  ['is not there', undefined],
  ['is no YAML', 'pay: ['],
  ['has an endpoint that is no URL', 'pay: { endpoints: { eu-west-1: pay.example } }'],
])('refuses a registry that %s, in one line', (_what, text) => {
  if (text !== undefined) writeFileSync(join(dir, 'tools.yaml'), text)
  expect(() => toolHosts(dir)).toThrow(/^documentsDir: [^\n]+tools\.yaml [^\n]+$/)
})
