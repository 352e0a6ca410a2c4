import { once } from 'node:events'
import { createServer, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterEach, beforeEach, expect, test } from '@jest/globals'
import { fetchJson } from '../../../runtime/control-plane/api/fetch-json.ts'

let server: Server
let url: string
let paths: string[]
let answer: (response: ServerResponse) => void

beforeEach(async () => {
  paths = []
  server = createServer((request, response) => {
    paths.push(request.url ?? '')
    answer(response)
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/keys`
})
afterEach(async () => {
  server.closeAllConnections()
  server.close()
  await once(server, 'close')
})

test('gives the JSON of a 200', async () => {
  answer = (response) => response.end('{"keys":[]}')
  await expect(fetchJson(url)).resolves.toEqual({ keys: [] })
})

test.each<[string, (response: ServerResponse) => void, RegExp]>([
  ['another status', (response) => response.writeHead(404).end('{}'), /answered 404/],
  ['a redirect, which is not followed', (response) => response.writeHead(302, { location: '/elsewhere' }).end(), /fetch failed/],
  ['what is no JSON', (response) => response.end('<html>'), /JSON/],
  ['an empty body', (response) => response.end(), /JSON/],
  ['a body over the limit', (response) => response.end('x'.repeat(2000)), /more than 1000 bytes/],
  ['no answer in time', () => {}, /timeout|timed out/],
  ['a body that does not end in time', (response) => void response.write('{'), /timeout|timed out/],
  ['a connection that breaks', (response) => void response.destroy(), /fetch failed/],
])('refuses %s', async (_, said, message) => {
  answer = said
  await expect(fetchJson(url, { timeoutMs: 300, bytesMax: 1000 })).rejects.toThrow(message)
  expect(paths).toEqual(['/keys'])
})
