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

test('refuses a key that does not exist', async () => {
  await expect(kmsSigner(cell.kms, 'alias/nobody')).rejects.toThrow()
})
