import { beforeEach, expect, test } from '@jest/globals'
import { listsKey, rotatingSigner } from '../../runtime/identity/rotating-signer.ts'
import type { Signer } from '../../runtime/model/ports.ts'

let alias: string | Error
let listed: string[]
let logged: object[]

const signerOf = (keyId: string): Signer => ({ keyId, sign: async () => new Uint8Array(64) })
const make = () =>
  rotatingSigner({
    resolve: async () => {
      if (alias instanceof Error) throw alias
      return signerOf(alias)
    },
    usable: (keyId) => listed.includes(keyId),
    log: (event) => logged.push(event),
  })

beforeEach(() => {
  alias = 'old'
  listed = ['old']
  logged = []
})

test('signs with the key of the alias once the directory lists it, and with none before', async () => {
  const signer = make()
  listed = []
  await signer.refresh()
  expect(signer.current()).toBeUndefined()
  listed = ['old']
  expect(signer.current()?.keyId).toBe('old')
})

test('goes on with the old key until the directory lists the new one', async () => {
  const signer = make()
  await signer.refresh()
  alias = 'new'
  await signer.refresh()
  expect(signer.current()?.keyId).toBe('old')
  listed = ['new', 'old']
  expect(signer.current()?.keyId).toBe('new')
  listed = ['new']
  expect(signer.current()?.keyId).toBe('new')
})

test('refuses a key at once that is no longer listed, and falls back to none that is not', async () => {
  const signer = make()
  await signer.refresh()
  alias = 'new'
  await signer.refresh()
  listed = []
  expect(signer.current()).toBeUndefined()
  listed = ['old']
  expect(signer.current()?.keyId).toBe('old')
})

test('follows an alias that is moved back', async () => {
  const signer = make()
  for (const name of ['old', 'new', 'old']) {
    alias = name
    await signer.refresh()
  }
  listed = ['new', 'old']
  expect(signer.current()?.keyId).toBe('old')
})

test('keeps what it has while KMS does not answer, and tells it', async () => {
  const signer = make()
  await signer.refresh()
  alias = new Error('KMS is away')
  const stop = signer.start(1)
  while (logged.length < 2) await new Promise((resolve) => setTimeout(resolve, 1))
  await stop()
  expect(logged[0]).toEqual({ event: 'token_key_unknown', detail: 'Error: KMS is away' })
  expect(signer.current()?.keyId).toBe('old')
})

test('looks again by itself', async () => {
  const signer = make()
  const stop = signer.start(1)
  while (signer.current() === undefined) await new Promise((resolve) => setTimeout(resolve, 1))
  alias = 'new'
  listed = ['new']
  while (signer.current()?.keyId !== 'new') await new Promise((resolve) => setTimeout(resolve, 1))
  await stop()
  expect(logged).toEqual([{ event: 'token_key_rotated', key_id: 'new' }])
})

test('a key is listed for its own issuer, and for no other', () => {
  const issuers = new Map([['a', { iss: 'a', region: 'r', zone: 'z', keys: [{ kty: 'EC', kid: 'k' }] }]])
  expect(listsKey({ issuers }, 'a', 'k')).toBe(true)
  expect(listsKey({ issuers }, 'b', 'k')).toBe(false)
  expect(listsKey({ issuers }, 'a', 'j')).toBe(false)
  expect(listsKey(undefined, 'a', 'k')).toBe(false)
})
