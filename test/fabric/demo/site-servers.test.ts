import { mkdtempSync, rmSync } from 'node:fs'
import { request } from 'node:https'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from '@jest/globals'
import { type SiteServers, startSiteServers } from '../../../runtime/fabric/demo/site-servers.ts'
import { ensureToolCertificate, type ToolCertificate } from '../../../runtime/fabric/supervisor/authority.ts'
import { stateLayout } from '../../../runtime/fabric/supervisor/layout.ts'

const SITES = [
  { host: 'payments.eu.example', port: 443, region: 'eu-west-1', tool: 'stripe-payments' },
  { host: 'payments.us.example', port: 443, region: 'us-east-1', tool: 'stripe-payments' },
  { host: 'partner.example', port: 443, region: 'eu-west-1' },
]
let dir: string
let certificate: ToolCertificate
let servers: SiteServers

beforeAll(async () => {
  dir = mkdtempSync(join(tmpdir(), 'aegis-sites-'))
  certificate = await ensureToolCertificate(
    stateLayout(dir).authority,
    SITES.map(({ host }) => host),
  )
})
afterAll(() => rmSync(dir, { recursive: true }))
beforeEach(async () => {
  servers = await startSiteServers(SITES, certificate)
})
afterEach(() => servers.close())

function post(host: string, path: string, body: string): Promise<{ status: number; json: Record<string, unknown> }> {
  const port = servers.sites.find((site) => site.host === host)?.localPort
  return new Promise((resolve, reject) => {
    const asked = request(
      { host: '127.0.0.1', port, servername: host, headers: { host }, ca: certificate.ca, method: 'POST', path, agent: false },
      (response) => {
        const chunks: Buffer[] = []
        response.on('data', (chunk: Buffer) => chunks.push(chunk))
        response.once('end', () => resolve({ status: response.statusCode ?? 0, json: JSON.parse(Buffer.concat(chunks).toString()) }))
      },
    )
    asked.once('error', reject)
    asked.end(body)
  })
}

test('a tool answers what fits the action, the same for the same call', async () => {
  const body = '{"amount":420000,"currency":"eur","recipient":"supplier-7"}'
  const first = await post('payments.eu.example', '/create_payment', body)
  expect(first).toMatchObject({ status: 200, json: { status: 'accepted', amount: 420000, served_by: { region: 'eu-west-1' } } })
  await expect(post('payments.eu.example', '/create_payment', body)).resolves.toEqual(first)
})

test('a partner echoes', async () => {
  await expect(post('partner.example', '/anything?x=1', 'text')).resolves.toMatchObject({
    status: 200,
    json: { method: 'POST', path: '/anything?x=1', received_bytes: 4 },
  })
})

test('refuses a body that is no JSON object, where the action needs one', async () => {
  for (const body of ['', '[]', 'null', '{'])
    await expect(post('payments.eu.example', '/create_payment', body)).resolves.toMatchObject({ status: 400 })
})

test('remembers where the bytes really arrived', async () => {
  await post('payments.eu.example', '/create_payment', '{"amount":1}')
  await post('payments.us.example', '/create_payment', '{"amount":2}')
  await post('partner.example', '/x', '')
  expect(servers.received({ region: 'us-east-1' })).toMatchObject([
    { host: 'payments.us.example', path: '/create_payment', body: '{"amount":2}' },
  ])
  expect(servers.received({ tool: 'stripe-payments' })).toHaveLength(2)
  expect(servers.received({ host: 'partner.example' })).toMatchObject([{ tool: null }])
  servers.forget()
  expect(servers.received({})).toEqual([])
})

test('an action named like a property of every object is echoed like any other', async () => {
  for (const path of ['/constructor', '/__proto__', '/toString']) {
    await expect(post('payments.eu.example', path, '{}')).resolves.toMatchObject({ status: 200, json: { path } })
  }
})
