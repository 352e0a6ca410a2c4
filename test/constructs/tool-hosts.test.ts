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

test('the endpoint that gateways of the region choose, and the egress lists of agents, each once', () => {
  writeFileSync(
    join(dir, 'tools.yaml'),
    'pay: { endpoints: { eu-west-1: https://pay.example:8443/x, us-east-1: https://b.example } }\nfetch: {}\n',
  )
  mkdirSync(join(dir, 'agents'))
  writeFileSync(join(dir, 'agents/a.yaml'), 'egress: [{ host: b.example }, { host: a.example, zone: eu }]\n')
  const at = (region: string, ...zone: string[]) => toolHosts(dir, { region, zone: [region, ...zone] })
  expect(at('eu-west-1')).toEqual(['a.example', 'b.example', 'pay.example'])
  expect(at('eu-central-1', 'eu-west-1')).toEqual(['a.example', 'b.example', 'pay.example'])
  expect(at('us-east-1')).toEqual(['a.example', 'b.example'])
  // None in the zone: a call from there is an export, to wherever there is one.
  expect(at('ap-southeast-1')).toEqual(['a.example', 'b.example', 'pay.example'])
})

test.each([
  ['is not there', undefined],
  ['is no YAML', 'pay: ['],
  ['has an endpoint that is no URL', 'pay: { endpoints: { eu-west-1: pay.example } }'],
])('refuses a registry that %s, in one line', (_what, text) => {
  if (text !== undefined) writeFileSync(join(dir, 'tools.yaml'), text)
  expect(() => toolHosts(dir, { region: 'eu-west-1', zone: [] })).toThrow(
    /^config\/deployment\.ts: documentsDir: [^\n]+tools\.yaml [^\n]{9,}$/,
  )
})
