import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from '@jest/globals'
import { z } from 'zod'
import { findControlPlane } from '../../runtime/cli/deployed.ts'
import { askingIn } from '../../runtime/cli/policy/control-plane.ts'

let folder: string
let server: Server
let asked: (string | undefined)[]

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'aegis-deployed-'))
  asked = []
  server = createServer((request, response) => {
    asked.push(`${request.method} ${request.url} ${request.headers.authorization}`)
    response.end('{"answer":42}')
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
})
afterEach(async () => {
  rmSync(folder, { recursive: true, force: true })
  await new Promise((resolve) => server.close(resolve))
})

const describeIt = (fields: object) => writeFileSync(join(folder, 'deployed.json'), JSON.stringify(fields))
const here = () => `http://127.0.0.1:${(server.address() as AddressInfo).port}`
const question = { as: 'viewer', method: 'GET', path: '/v1/x', answer: z.object({ answer: z.number() }), doing: 'asking' } as const

test('policy commands ask the control plane that the state folder names, with the token that is there now', async () => {
  describeIt({ control_plane: `${here()}/`, token_file: 'token' })
  const ask = askingIn(folder, { documents: folder, policies: folder })
  writeFileSync(join(folder, 'token'), 'a.b.c\n')
  await expect(ask(question)).resolves.toMatchObject({ value: { answer: 42 } })
  writeFileSync(join(folder, 'token'), 'd.e.f\n')
  await ask({ ...question, as: 'author' })
  expect(asked).toEqual(['GET /v1/x Bearer a.b.c', 'GET /v1/x Bearer d.e.f'])
})

test('a folder without the file is a fabric’s', () => {
  expect(findControlPlane(folder)).toBeUndefined()
})

test.each([
  [{ control_plane: 'control.aegis.corp', token_file: 'token' }, 'is not a URL'],
  [{ control_plane: 'https://control.aegis.corp' }, 'token_file'],
  [{ control_plane: 'https://control.aegis.corp', token_file: 'token', token: 'a.b.c' }, 'token'],
])('refuses %j in one line', (fields, fault) => {
  describeIt(fields)
  expect(() => findControlPlane(folder)).toThrow(new RegExp(`deployed.json: .*${fault}`))
})

test('refuses to ask without a token', async () => {
  describeIt({ control_plane: here(), token_file: 'token' })
  const ask = askingIn(folder, { documents: folder, policies: folder })
  await expect(ask(question)).rejects.toThrow('has no token')
  writeFileSync(join(folder, 'token'), 'not a token')
  await expect(ask(question)).rejects.toThrow('has no token')
  expect(asked).toEqual([])
})
