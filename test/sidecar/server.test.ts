import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { afterEach, describe, expect, test } from '@jest/globals'
import { issueAuthority, issueServerCertificate } from '../../runtime/fabric/supervisor/certificates.ts'
import { loadConfig } from '../../runtime/sidecar/config.ts'

const SERVER = join(import.meta.dirname, '../../runtime/sidecar/server.ts')
const running: ChildProcess[] = []
afterEach(() => {
  for (const child of running.splice(0)) child.kill('SIGKILL')
})

function started(env: Record<string, string>) {
  const child = spawn(process.execPath, [SERVER], { env, stdio: ['ignore', 'pipe', 'pipe'] })
  running.push(child)
  return child
}

/** Where it listens. */
async function addressOf(child: ReturnType<typeof started>): Promise<string> {
  const [line] = (await once(createInterface(child.stdout), 'line')) as [string]
  return (JSON.parse(line) as { address: string }).address
}

test('the process listens on loopback whatever it is told, refuses while the gateway is away, and ends when asked', async () => {
  const child = started({ AEGIS_GATEWAY_URL: 'http://127.0.0.1:9', AEGIS_SIDECAR_PORT: '0', AEGIS_HOST: '0.0.0.0', HOST: '0.0.0.0' })
  const address = await addressOf(child)
  expect(address).toMatch(/^http:\/\/127\.0\.0\.1:\d+$/)
  expect((await fetch(`${address}/health/live`)).status).toBe(200)
  expect((await fetch(`${address}/v1/tools/crm/read`, { method: 'POST', body: '{}' })).status).toBe(503)
  child.kill('SIGTERM')
  expect(await once(child, 'exit')).toEqual([0, null])
})

test('the process refuses to start without a gateway, in one line', async () => {
  const child = started({ AEGIS_SIDECAR_PORT: '0' })
  const said = createInterface(child.stderr)[Symbol.asyncIterator]().next()
  expect(await once(child, 'exit')).toEqual([2, null])
  expect((await said).value).toMatch(/^environment variable AEGIS_GATEWAY_URL: /)
})

describe('the certificate of the gateway', () => {
  test.each<[string, string, boolean, number, number]>([
    ['is believed by an authority that the process trusts', 'localhost', true, 200, 1],
    ['is refused of an unknown authority, whatever the environment says, and no token leaves', 'localhost', false, 503, 0],
    ['is refused for another name, and no token leaves', 'elsewhere.example', true, 503, 0],
  ])('%s', async (_what, name, trusted, status, asked) => {
    const validity = { now: new Date(), days: 1 }
    const authority = await issueAuthority('an authority', validity)
    let calls = 0
    const server = createServer(await issueServerCertificate(authority, 'a gateway', [name], validity), (_request, response) => {
      calls++
      response.writeHead(200, { 'content-type': 'application/json' }).end('{}')
    }).listen(0, 'localhost')
    const dir = mkdtempSync(join(tmpdir(), 'aegis-sidecar-'))
    try {
      await once(server, 'listening')
      writeFileSync(join(dir, 'ca.pem'), authority.cert)
      const child = started({
        AEGIS_GATEWAY_URL: `https://localhost:${(server.address() as AddressInfo).port}`,
        AEGIS_SIDECAR_PORT: '0',
        ...(trusted ? { NODE_EXTRA_CA_CERTS: join(dir, 'ca.pem') } : { NODE_TLS_REJECT_UNAUTHORIZED: '0' }),
      })
      const got = await fetch(`${await addressOf(child)}/v1/decisions`, {
        method: 'POST',
        body: '{}',
        headers: { authorization: 'Bearer t' },
      })
      expect([got.status, calls]).toEqual([status, asked])
    } finally {
      server.close().closeAllConnections()
      rmSync(dir, { recursive: true })
    }
  })
})

describe('the URL of the gateway', () => {
  const at = (AEGIS_GATEWAY_URL: string) => () => loadConfig({ AEGIS_GATEWAY_URL, AEGIS_SIDECAR_PORT: '8460' })

  test.each([
    'https://eu.agents.example.com',
    'https://eu.agents.example.com:8443',
    'http://127.0.0.1:8080',
    'http://[::1]:1',
    'http://localhost:1',
  ])('may be %s', (url) => expect(at(url)().gatewayUrl).toBe(url))

  test.each([
    ['http://eu.agents.example.com', /must be https/],
    ['http://127.0.0.1.example.com', /must be https/],
    ['http://10.0.0.1', /must be https/],
    ['ftp://127.0.0.1', /must be/],
    ['https://user:secret@eu.agents.example.com', /alone/],
    ['https://eu.agents.example.com/v1', /alone/],
    ['https://eu.agents.example.com/?a=b', /alone/],
    ['eu.agents.example.com', /is no URL/],
  ])('refuses %s', (url, line) => expect(at(url)).toThrow(line))
})
