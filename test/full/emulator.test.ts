import { createPublicKey, randomUUID, verify } from 'node:crypto'
import { CreateAliasCommand, CreateKeyCommand, KMSClient } from '@aws-sdk/client-kms'
import { CreateBucketCommand, type S3Client } from '@aws-sdk/client-s3'
import { AssumeRoleCommand, STSClient } from '@aws-sdk/client-sts'
import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { kmsSigner } from '../../runtime/identity/kms-signer.ts'
import { s3ObjectStore } from '../../runtime/state/object-store.ts'
import { kms, s3 } from '../fabric/stores/support.ts'
import { type ForeignServer, startForeignServer } from './support/foreign-server.ts'
import { suiteNeeding } from './support/needs.ts'

// The fabric stands in for KMS, STS and S3 with a few operations of its own. The same clients against somebody else's emulator show
// that they speak AWS's protocol and not only the stand-in's. Of what an emulator drops without a word, nothing is asked here.
const ministack = process.env.AEGIS_MINISTACK
const suite = suiteNeeding('ministack', ministack)

const REGION = 'eu-west-1'
const START_TIMEOUT_MS = 90_000

suite('AWS emulator', () => {
  let emulator: ForeignServer
  let keys: KMSClient
  let objects: S3Client
  let roles: STSClient

  beforeAll(async () => {
    emulator = await startForeignServer((port) => ({
      file: ministack ?? '',
      args: [],
      env: {
        BIND_HOST: '127.0.0.1',
        GATEWAY_PORT: String(port),
        SERVICES: 'kms,s3,sts',
        // Two further listeners, on fixed ports.
        IOT_MTLS_ENABLED: '0',
        SFTP_ENABLED: '0',
      },
    }))
    keys = kms(emulator.url, REGION)
    objects = s3(emulator.url, REGION)
    roles = new STSClient({ region: REGION, endpoint: emulator.url, credentials: { accessKeyId: 'test', secretAccessKey: 'test' } })
    await objects.send(new CreateBucketCommand({ Bucket: 'bundles', CreateBucketConfiguration: { LocationConstraint: REGION } }))
  }, START_TIMEOUT_MS)

  afterAll(async () => {
    keys?.destroy()
    objects?.destroy()
    roles?.destroy()
    await emulator?.close()
  })

  test('a KMS signature verifies as ES256 with the public key that KMS names', async () => {
    const alias = `alias/aegis-${randomUUID()}`
    const { KeyMetadata } = await keys.send(new CreateKeyCommand({ KeySpec: 'ECC_NIST_P256', KeyUsage: 'SIGN_VERIFY' }))
    await keys.send(new CreateAliasCommand({ AliasName: alias, TargetKeyId: KeyMetadata?.KeyId ?? '' }))
    const signer = await kmsSigner(keys, alias)
    const message = Buffer.from('a bundle')
    const signature = await signer.sign(message)
    expect(signature).toHaveLength(64)
    const key = createPublicKey({ key: { ...signer.publicJwk }, format: 'jwk' })
    const holds = (bytes: Uint8Array) => verify('sha256', bytes, { key, dsaEncoding: 'ieee-p1363' }, signature)
    expect([holds(message), holds(Buffer.from('another bundle'))]).toEqual([true, false])
  })

  test('refuses a key that is not P-256', async () => {
    const { KeyMetadata } = await keys.send(new CreateKeyCommand({ KeySpec: 'RSA_2048', KeyUsage: 'SIGN_VERIFY' }))
    await expect(kmsSigner(keys, KeyMetadata?.KeyId ?? '')).rejects.toThrow(/only EC P-256/)
  })

  test('STS gives credentials for a role in the name of a person, and KMS signs under them', async () => {
    const RoleArn = 'arn:aws:iam::000000000000:role/data-protection'
    const asked = { RoleArn, RoleSessionName: 'approval', SourceIdentity: 'dpo@acme-eu', DurationSeconds: 900 }
    const { Credentials, AssumedRoleUser } = await roles.send(new AssumeRoleCommand(asked))
    expect(AssumedRoleUser?.Arn).toMatch(/assumed-role\/data-protection\/approval$/)
    expect(Credentials?.Expiration).toBeInstanceOf(Date)
    const { AccessKeyId = '', SecretAccessKey = '', SessionToken = '' } = Credentials ?? {}
    const credentials = { accessKeyId: AccessKeyId, secretAccessKey: SecretAccessKey, sessionToken: SessionToken }
    const officer = new KMSClient({ region: REGION, endpoint: emulator.url, credentials, maxAttempts: 1 })
    const { KeyMetadata } = await keys.send(new CreateKeyCommand({ KeySpec: 'ECC_NIST_P256', KeyUsage: 'SIGN_VERIFY' }))
    const signer = await kmsSigner(officer, KeyMetadata?.KeyId ?? '')
    expect(await signer.sign(Buffer.from('an attestation'))).toHaveLength(64)
    officer.destroy()
  })

  test('an object comes back as it was put, and one that is not there as undefined', async () => {
    const store = s3ObjectStore(objects, 'bundles')
    const body = Uint8Array.from({ length: 70_000 }, (_, index) => index % 251)
    await store.put('bundles/some.tar.gz', body)
    expect(Buffer.compare(Buffer.from((await store.get('bundles/some.tar.gz')) ?? []), body)).toBe(0)
    expect(await store.get('bundles/none.tar.gz')).toBeUndefined()
  })

  test('refuses to read an object over the limit', async () => {
    const store = s3ObjectStore(objects, 'bundles', 10)
    await store.put('bundles/large.tar.gz', new Uint8Array(11))
    await expect(store.get('bundles/large.tar.gz')).rejects.toThrow(/over 10/)
  })
})
