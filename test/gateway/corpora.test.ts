import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { agentToken, type TestGateway, testGateway, testTrust } from '../support/gateway.ts'

// Inputs that others wrote, through the doors of one gateway. AEGIS_CORPORA names their folder; without it there is nothing to try.
const corpora = process.env.AEGIS_CORPORA ?? ''
const suite = existsSync(corpora) ? describe : describe.skip
if (!existsSync(corpora)) console.warn('SKIPPED corpora: AEGIS_CORPORA names no folder')

suite('corpora of others', () => {
  let gateway: TestGateway
  let support: string
  let research: string
  let resolved: string[]

  beforeAll(async () => {
    const trust = await testTrust()
    resolved = []
    const resolver = {
      resolve: async (host: string) => {
        resolved.push(host)
        return ['44.128.1.20']
      },
    }
    gateway = await testGateway({ trust, region: 'eu-west-1', zone: 'eu', resolver })
    support = await agentToken(trust, 'support-agent', 'acme-eu')
    research = await agentToken(trust, 'research-agent', 'umbrella')
  }, 30_000)
  afterAll(() => gateway?.close())

  const post = async (url: string, token: string, payload: Buffer | string) => {
    const headers = { 'content-type': 'application/json', authorization: `Bearer ${token}` }
    const response = await gateway.app.inject({ method: 'POST', url, headers, payload })
    return { status: response.statusCode, body: response.json() }
  }
  const decide = (token: string, call: object) => post('/v1/decisions', token, JSON.stringify(call))
  const files = (folder: string) =>
    readdirSync(join(corpora, folder), { recursive: true, encoding: 'utf8' })
      .filter((name) => name.endsWith('.json'))
      .map((name) => ({ name: name.split('/').at(-1) ?? '', bytes: readFileSync(join(corpora, folder, name)) }))

  test('what is no JSON is malformed at every door, and nothing is an error of ours', async () => {
    const documents = files('json-test-suite/test_parsing')
    expect(documents.length).toBeGreaterThan(300)
    for (const { name, bytes } of documents) {
      const asArguments = Buffer.concat([Buffer.from('{"tool":"crm","action":"read_contact","arguments":'), bytes, Buffer.from('}')])
      const answers = [
        await post('/v1/decisions', support, bytes),
        await post('/v1/decisions', support, asArguments),
        await post('/v1/tools/crm/read_contact', support, bytes),
      ]
      for (const { status, body } of answers) {
        expect([name, status < 500]).toEqual([name, true])
        expect([name, body.error?.code ?? body.decision]).not.toEqual([name, undefined])
        if (name.startsWith('n_')) expect([name, status, body.error?.code]).toEqual([name, 400, 'malformed_call'])
      }
    }
  }, 60_000)

  test('no payload of server-side request forgery is allowed, and no name of one is asked for', async () => {
    const urls = readFileSync(join(corpora, 'ssrf-urls/urls.txt'), 'utf8')
      .split('\n')
      .filter((line) => line.trim() !== '')
    expect(urls.length).toBeGreaterThan(100)
    for (const url of urls) {
      const { status, body } = await decide(research, { tool: 'web-fetch', action: 'fetch', arguments: { url } })
      expect([url, status < 500]).toEqual([url, true])
      expect([url, body.enforced ?? 'refused']).not.toEqual([url, 'allow'])
    }
    // Tools of the registry are looked up for the calls of other tests and for their definitions.
    expect(resolved.filter((host) => !host.endsWith('.tools.aegis.example'))).toEqual([])
  }, 60_000)

  test('what agents are made to send out ends in a verdict', async () => {
    const cases = files('agent-egress-bench')
    expect(cases.length).toBeGreaterThan(40)
    let stopped = 0
    let attacks = 0
    for (const { name, bytes } of cases) {
      const { expected_verdict: expected, payload } = JSON.parse(bytes.toString()) as { expected_verdict?: string; payload: unknown }
      const args = { to: 'a@b.example', subject: 's', body: JSON.stringify(payload).slice(0, 20_000) }
      const { status, body } = await decide(support, { tool: 'email', action: 'send', arguments: args })
      expect([name, status]).toEqual([name, 200])
      if (expected !== 'block') continue
      attacks++
      if (body.enforced !== 'allow') stopped++
    }
    console.log(`agent-egress-bench: ${stopped} of ${attacks} attacks sent by mail across the border are stopped by what they carry alone`)
  }, 60_000)
})
