import { X509Certificate } from 'node:crypto'
import { once } from 'node:events'
import { mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { createServer, request } from 'node:https'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from '@jest/globals'
import { ensureToolCertificate } from '../../../runtime/fabric/supervisor/authority.ts'
import { stateLayout } from '../../../runtime/fabric/supervisor/layout.ts'

let dir: string
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'aegis-authority-'))
})
afterEach(() => rmSync(dir, { recursive: true }))

const HOSTS = ['crm.eu-west-1.tools.aegis.example', 'payments.us-east-1.tools.aegis.example']
const files = () => stateLayout(dir).authority

async function handshake(servername: string, ca: string, { cert, key }: { cert: string; key: string }) {
  const server = createServer({ cert, key }, (_request, response) => response.end('ok')).listen(0, '127.0.0.1')
  await once(server, 'listening')
  try {
    const call = request({ host: '127.0.0.1', port: (server.address() as AddressInfo).port, servername, ca, agent: false }).end()
    const [response] = await once(call, 'response')
    response.resume()
    return response.statusCode
  } finally {
    server.close()
  }
}

test('a client that trusts the authority reaches every tool host by TLS', async () => {
  const certificate = await ensureToolCertificate(files(), HOSTS)
  for (const host of HOSTS) await expect(handshake(host, certificate.ca, certificate)).resolves.toBe(200)
})

test('refuses a host that is not in the certificate, and a foreign authority', async () => {
  const certificate = await ensureToolCertificate(files(), HOSTS)
  await expect(handshake('evil.example', certificate.ca, certificate)).rejects.toThrow(/altnames/)
  const foreign = await ensureToolCertificate(stateLayout(join(dir, 'other')).authority, HOSTS)
  await expect(handshake(HOSTS[0] ?? '', foreign.ca, certificate)).rejects.toThrow()
})

test('keys and certificates are kept, whatever the order of the hosts', async () => {
  const first = await ensureToolCertificate(files(), HOSTS)
  expect(await ensureToolCertificate(files(), HOSTS.toReversed())).toEqual(first)
})

test('another set of hosts gets another certificate of the same authority', async () => {
  const first = await ensureToolCertificate(files(), HOSTS)
  const second = await ensureToolCertificate(files(), [...HOSTS, 'new.tools.aegis.example'])
  expect(second.ca).toBe(first.ca)
  expect(new X509Certificate(second.cert).subjectAltName).toContain('new.tools.aegis.example')
})

test('a certificate near its end is renewed', async () => {
  const first = await ensureToolCertificate(files(), HOSTS)
  const later = new Date(Date.now() + 360 * 86_400_000)
  expect((await ensureToolCertificate(files(), HOSTS, later)).cert).not.toBe(first.cert)
})

test('a damaged or mismatched key is replaced, not used', async () => {
  const first = await ensureToolCertificate(files(), HOSTS)
  writeFileSync(files().toolsKey, 'not a key')
  const second = await ensureToolCertificate(files(), HOSTS)
  expect(second.key).not.toBe(first.key)
  expect(second.ca).toBe(first.ca)
})

test('private keys are readable by their owner alone', async () => {
  await ensureToolCertificate(files(), HOSTS)
  for (const path of [files().caKey, files().toolsKey]) expect(statSync(path).mode & 0o777).toBe(0o600)
})
