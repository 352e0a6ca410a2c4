import { createPublicKey, generateKeyPairSync, type JsonWebKey, verify } from 'node:crypto'
import { KMSClient } from '@aws-sdk/client-kms'
import { importJWK, jwtVerify } from 'jose'
import { kmsSigner } from '../../runtime/identity/kms-signer.ts'
import { testBucketAndKey } from '../support/stores.ts'

let cell: Awaited<ReturnType<typeof testBucketAndKey>>
beforeAll(async () => {
  cell = await testBucketAndKey('bucket', 'alias/test-token')
})
afterAll(() => cell.close())

test('what KMS signs verifies as ES256 under the public key it gives', async () => {
  const signer = await kmsSigner(cell.kms, 'alias/test-token')
  expect(signer.publicJwk).toMatchObject({ kty: 'EC', crv: 'P-256', alg: 'ES256', kid: signer.keyId })
  expect(signer.publicJwk).not.toHaveProperty('d')
  const header = Buffer.from(JSON.stringify({ alg: 'ES256', kid: signer.keyId })).toString('base64url')
  for (let i = 0; i < 20; i++) {
    const signed = `${header}.${Buffer.from(JSON.stringify({ i })).toString('base64url')}`
    const token = `${signed}.${Buffer.from(await signer.sign(Buffer.from(signed))).toString('base64url')}`
    const { payload } = await jwtVerify(token, await importJWK(signer.publicJwk, 'ES256'))
    expect(payload).toEqual({ i })
  }
})

test('signs what is longer than KMS takes whole', async () => {
  const signer = await kmsSigner(cell.kms, 'alias/test-token')
  const message = Buffer.alloc(100_000, 'directory')
  const key = createPublicKey({ key: signer.publicJwk as JsonWebKey, format: 'jwk' })
  expect(verify('sha256', message, { key, dsaEncoding: 'ieee-p1363' }, await signer.sign(message))).toBe(true)
})

test('refuses a key that does not exist', async () => {
  await expect(kmsSigner(cell.kms, 'alias/nobody')).rejects.toThrow()
})

test('stays with its key when the alias moves to another one', async () => {
  let target = 'arn:aws:kms:eu-west-1:111122223333:key/old'
  const { publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const signedWith: unknown[] = []
  const client = new KMSClient({ region: 'eu-west-1' })
  client.middlewareStack.add(
    () => async (args) => {
      const { KeyId } = args.input as { KeyId: string }
      const arn = KeyId.startsWith('alias/') ? target : KeyId
      if ('Message' in args.input) signedWith.push(arn)
      const signature = Buffer.from('3006020101020101', 'hex')
      const output = { KeyId: arn, PublicKey: publicKey.export({ format: 'der', type: 'spki' }), Signature: signature, $metadata: {} }
      return { output, response: {} }
    },
    { step: 'initialize' },
  )
  const signer = await kmsSigner(client, 'alias/token')
  target = 'arn:aws:kms:eu-west-1:111122223333:key/new'
  await signer.sign(Buffer.from('message'))
  expect(signedWith).toEqual(['arn:aws:kms:eu-west-1:111122223333:key/old'])
})
