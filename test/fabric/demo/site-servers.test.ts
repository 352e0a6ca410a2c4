import { mkdtempSync, rmSync } from 'node:fs'
import { request } from 'node:https'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from '@jest/globals'
import { type SiteServers, startSiteServers } from '../../../runtime/fabric/demo/site-servers.ts'
import { ensureToolCertificate, type ToolCertificate } from '../../../runtime/fabric/supervisor/authority.ts'
import { stateLayout } from '../../../runtime/fabric/supervisor/layout.ts'

const CRM = { host: 'crm.eu.example', port: 443, region: 'eu-west-1', tool: 'crm' }
const SITES = [
  CRM,
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

interface Answer {
  status: number
  location: string | undefined
  json: Record<string, unknown>
}

function post(host: string, path: string, body: string, method = 'POST'): Promise<Answer> {
  const port = servers.sites.find((site) => site.host === host)?.localPort
  return new Promise((resolve, reject) => {
    const asked = request(
      { host: '127.0.0.1', port, servername: host, headers: { host }, ca: certificate.ca, method, path, agent: false },
      (response) => {
        const chunks: Buffer[] = []
        response.on('data', (chunk: Buffer) => chunks.push(chunk))
        response.once('end', () => {
          const { statusCode: status = 0, headers } = response
          resolve({ status, location: headers.location, json: JSON.parse(Buffer.concat(chunks).toString()) })
        })
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

test('a tool says what it is, says something else once it drifts, and that is no call', async () => {
  const definition = async () => (await post(CRM.host, '/.well-known/tool.json', '', 'GET')).json
  const before = await definition()
  expect(before).toMatchObject({ name: 'crm', actions: [{ name: 'read_contact' }, { name: 'update_contact' }] })
  servers.setDrift('crm', true)
  expect(await definition()).not.toEqual(before)
  servers.setDrift('crm', false)
  expect(await definition()).toEqual(before)
  expect(servers.received({})).toEqual([])
})

test('a host that is no tool redirects wherever it is told', async () => {
  const target = 'https://169.254.169.254/latest/?a=1'
  const path = `/redirect?to=${encodeURIComponent(target)}`
  await expect(post('partner.example', path, '', 'GET')).resolves.toMatchObject({ status: 302, location: target })
  await expect(post('payments.eu.example', path, '', 'GET')).resolves.toMatchObject({ status: 200, location: undefined })
  await expect(post('partner.example', '/redirect?to=a%0d%0ab', '', 'GET')).resolves.toMatchObject({ status: 200, location: undefined })
})
