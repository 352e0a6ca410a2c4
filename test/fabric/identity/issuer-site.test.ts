import { mkdtempSync, rmSync } from 'node:fs'
import { request } from 'node:https'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { startIssuerSite } from '../../../runtime/fabric/identity/issuer-site.ts'
import { ensureToolCertificate } from '../../../runtime/fabric/supervisor/authority.ts'

let dir: string
let ca: string
let site: Awaited<ReturnType<typeof startIssuerSite>>

beforeAll(async () => {
  dir = mkdtempSync(join(tmpdir(), 'aegis-login-'))
  const at = (name: string) => join(dir, name)
  const files = { caCert: at('ca.pem'), caKey: at('ca.key'), toolsCert: at('tools.pem'), toolsKey: at('tools.key') }
  const certificate = await ensureToolCertificate(files, ['login.aegis.example'])
  ca = certificate.ca
  site = await startIssuerSite({ '/jwks.json': { keys: [] } }, certificate)
})
afterAll(async () => {
  await site.close()
  rmSync(dir, { recursive: true, force: true })
})

function ask(path: string, method = 'GET'): Promise<[number | undefined, string]> {
  return new Promise((resolve, reject) => {
    const asked = request({ host: '127.0.0.1', port: site.localPort, servername: 'login.aegis.example', ca, path, method }, (answer) => {
      let text = ''
      answer.on('data', (chunk: Buffer) => {
        text += chunk.toString()
      })
      answer.on('end', () => resolve([answer.statusCode, text]))
    })
    asked.on('error', reject)
    asked.end()
  })
}

test('publishes its documents over TLS under its name', async () => {
  expect(await ask('/jwks.json')).toEqual([200, '{"keys":[]}'])
  expect(await ask('/jwks.json?v=2')).toEqual([200, '{"keys":[]}'])
})

test.each([
  ['GET', '/'],
  ['GET', '/__proto__'],
  ['GET', '/toString'],
  ['POST', '/jwks.json'],
])('refuses %s %s', async (method, path) => {
  expect((await ask(path, method))[0]).toBe(404)
})
