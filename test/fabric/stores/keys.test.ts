import { createHash, createPublicKey, generateKeyPairSync, verify } from 'node:crypto'
import { readdir, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import {
  DescribeKeyCommand,
  EncryptCommand,
  GetPublicKeyCommand,
  type KMSClient,
  NotFoundException,
  SignCommand,
  VerifyCommand,
} from '@aws-sdk/client-kms'
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals'
import fc from 'fast-check'
import { signDigest } from '../../../runtime/fabric/stores/keys/ecdsa.ts'
import { ensureKeys } from '../../../runtime/fabric/stores/keys/key-store.ts'
import { startStores } from '../../../runtime/fabric/stores/region-stores.ts'
import { cleanup, kms } from './support.ts'

const opened = cleanup()
const region = 'eu-west-1'
const account = '222222222222'
const aliases = ['alias/aegis-prod-eu-west-1-token', 'alias/aegis-prod-eu-west-1-audit']
const [KeyId = ''] = aliases
let keysDir: string
let client: KMSClient
let url: string

beforeEach(async () => {
  keysDir = join(await opened.folder(), 'keys')
  const stores = opened.add(await startStores({ region, account, keysDir, keys: aliases }))
  url = stores.url
  client = opened.add(kms(url, region))
})
afterEach(() => opened.closeAll())

async function publicKey(id = KeyId) {
  const { PublicKey } = await client.send(new GetPublicKeyCommand({ KeyId: id }))
  return createPublicKey({ key: Buffer.from(PublicKey ?? []), format: 'der', type: 'spki' })
}

test('signs a message and its digest alike, in DER', async () => {
  const message = Buffer.from('a bundle')
  const key = await publicKey()
  const raw = await client.send(new SignCommand({ KeyId, Message: message, MessageType: 'RAW', SigningAlgorithm: 'ECDSA_SHA_256' }))
  expect(verify('sha256', message, key, raw.Signature ?? Buffer.alloc(0))).toBe(true)
  const digest = createHash('sha256').update(message).digest()
  const signed = await client.send(new SignCommand({ KeyId, Message: digest, MessageType: 'DIGEST', SigningAlgorithm: 'ECDSA_SHA_256' }))
  expect(verify('sha256', message, key, signed.Signature ?? Buffer.alloc(0))).toBe(true)
  expect(verify('sha256', Buffer.from('another'), key, signed.Signature ?? Buffer.alloc(0))).toBe(false)
  const checked = await client.send(
    new VerifyCommand({ KeyId, Message: message, MessageType: 'RAW', Signature: signed.Signature, SigningAlgorithm: 'ECDSA_SHA_256' }),
  )
  expect(checked.SignatureValid).toBe(true)
})

test('signs digests that OpenSSL verifies, whatever key and message', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 100 }), (message) => {
      const pair = generateKeyPairSync('ec', { namedCurve: 'P-256' })
      const signature = signDigest(pair.privateKey, createHash('sha256').update(message).digest())
      return verify('sha256', message, pair.publicKey, signature)
    }),
    { numRuns: 200 },
  )
})

test('knows a key by alias, id and both ARNs', async () => {
  const { KeyMetadata } = await client.send(new DescribeKeyCommand({ KeyId }))
  expect(KeyMetadata).toMatchObject({ KeySpec: 'ECC_NIST_P256', KeyUsage: 'SIGN_VERIFY', Enabled: true, AWSAccountId: account })
  expect(KeyMetadata?.Arn).toBe(`arn:aws:kms:${region}:${account}:key/${KeyMetadata?.KeyId}`)
  const spki = (await publicKey()).export({ format: 'jwk' })
  for (const id of [KeyMetadata?.KeyId, KeyMetadata?.Arn, `arn:aws:kms:${region}:${account}:${KeyId}`]) {
    expect((await publicKey(id)).export({ format: 'jwk' })).toEqual(spki)
  }
  expect((await publicKey(aliases[1])).export({ format: 'jwk' })).not.toEqual(spki)
})

test('makes each key once, for its owner alone to read', async () => {
  const jwk = (await publicKey()).export({ format: 'jwk' })
  const racing = await Promise.all(
    Array.from({ length: 5 }, () => ensureKeys({ keysDir, region, account, aliases: [...aliases, 'alias/new'] })),
  )
  expect(racing[0]?.[0]?.publicKey.export({ format: 'jwk' })).toEqual(jwk)
  expect(new Set(racing.map(([, , added]) => added?.keyId)).size).toBe(1)
  for (const name of await readdir(keysDir)) expect((await stat(join(keysDir, name))).mode & 0o777).toBe(0o600)
  expect((await stat(keysDir)).mode & 0o777).toBe(0o700)
  expect(await readdir(keysDir)).toHaveLength(3)
})

describe('refuses', () => {
  test('keys that are not there, in the words of KMS', async () => {
    for (const id of ['alias/other', '00000000-0000-0000-0000-000000000000', `arn:aws:kms:us-east-1:${account}:${KeyId}`, '__proto__']) {
      await expect(client.send(new GetPublicKeyCommand({ KeyId: id }))).rejects.toBeInstanceOf(NotFoundException)
    }
  })

  test('a digest of another length, another algorithm, a message over 4096 bytes', async () => {
    const sign = (Message: Buffer, MessageType: 'RAW' | 'DIGEST', SigningAlgorithm: 'ECDSA_SHA_256' | 'ECDSA_SHA_512' = 'ECDSA_SHA_256') =>
      client.send(new SignCommand({ KeyId, Message, MessageType, SigningAlgorithm }))
    await expect(sign(Buffer.alloc(31), 'DIGEST')).rejects.toMatchObject({ name: 'ValidationException' })
    await expect(sign(Buffer.alloc(32), 'DIGEST', 'ECDSA_SHA_512')).rejects.toMatchObject({ name: 'ValidationException' })
    await expect(sign(Buffer.alloc(4097), 'RAW')).rejects.toMatchObject({ name: 'ValidationException' })
    await sign(Buffer.alloc(4096), 'RAW')
  })

  test('a signature that does not fit, and operations it does not know', async () => {
    const wrong = { KeyId, Message: Buffer.from('m'), Signature: Buffer.from('no signature'), SigningAlgorithm: 'ECDSA_SHA_256' } as const
    await expect(client.send(new VerifyCommand(wrong))).rejects.toMatchObject({ name: 'KMSInvalidSignatureException' })
    await expect(client.send(new EncryptCommand({ KeyId, Plaintext: Buffer.from('m') }))).rejects.toMatchObject({
      name: 'UnknownOperationException',
    })
  })

  test("a caller that means another region's endpoint", async () => {
    const stray = opened.add(kms(url, 'us-east-1'))
    await expect(stray.send(new GetPublicKeyCommand({ KeyId }))).rejects.toMatchObject({ $metadata: { httpStatusCode: 400 } })
  })

  test('aliases that would leave the folder, and files that are no keys', async () => {
    await ensureKeys({ keysDir, region, account, aliases: ['alias/../../escape'] })
    expect((await readdir(keysDir)).some((name) => name.includes('escape'))).toBe(true)
    await expect(ensureKeys({ keysDir, region, account, aliases: ['no-prefix'] })).rejects.toThrow('does not start with alias/')
    await writeFile(join(keysDir, 'torn.json'), '{"alias"')
    await expect(ensureKeys({ keysDir, region, account, aliases: ['alias/torn'] })).rejects.toThrow('is not a key file')
  })
})
