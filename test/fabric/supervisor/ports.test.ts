import { once } from 'node:events'
import { type AddressInfo, createServer } from 'node:net'
import { expect, test } from '@jest/globals'
import { ports } from '../../../runtime/fabric/supervisor/ports.ts'

async function taken() {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  return { port: (server.address() as AddressInfo).port, close: () => server.close() }
}

test('gives every port once, below the range of outgoing connections', async () => {
  const free = ports()
  const given = [await free.next(), await free.next(), await free.next()]
  expect(new Set(given).size).toBe(3)
  for (const port of given) expect(port).toBeLessThan(32_768)
})

test('follows on from the base', async () => {
  const probe = ports()
  const base = await probe.next()
  const free = ports(base)
  expect([await free.next(), await free.next()]).toEqual([base, base + 1])
})

test('refuses a base that is in use, and says so', async () => {
  const { port, close } = await taken()
  await expect(ports(port).next()).rejects.toThrow(`port ${port} is in use; choose another --port-base`)
  close()
})
