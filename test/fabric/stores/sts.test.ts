import { GetItemCommand } from '@aws-sdk/client-dynamodb'
import { GetPublicKeyCommand, KMSClient, SignCommand } from '@aws-sdk/client-kms'
import { GetObjectCommand, S3Client } from '@aws-sdk/client-s3'
import { AssumeRoleCommand, type Credentials, GetCallerIdentityCommand, STSClient } from '@aws-sdk/client-sts'
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals'
import { stsService } from '../../../runtime/fabric/stores/access/sts.ts'
import { startStores } from '../../../runtime/fabric/stores/region-stores.ts'
import { cleanup, dynamo, SECRET, table } from './support.ts'

// The one part of IAM that the fabric plays out: the data-protection key signs for its role alone, and the role is taken for a person.

const opened = cleanup()
const region = 'eu-west-1'
const [token, dataProtection] = ['alias/token', 'alias/data-protection']
const arn = 'arn:aws:iam::222222222222:role/data-protection'
const other = 'arn:aws:iam::222222222222:role/other'
const message = Buffer.from('an attestation')
const task = { accessKeyId: 'local', secretAccessKey: 'local' }
let url: string

beforeEach(async () => {
  const dataDir = await opened.folder()
  const stores = await startStores({
    region,
    dataDir,
    keysDir: `${dataDir}/keys`,
    keys: [token, dataProtection],
    roles: [
      { arn, needsSourceIdentity: true },
      { arn: other, needsSourceIdentity: false },
    ],
    signers: { [dataProtection]: arn },
    tables: [table('approvals')],
    buckets: ['bundles'],
    replication: { secret: SECRET },
  })
  url = opened.add(stores).url
})
afterEach(() => opened.closeAll())

interface Given {
  accessKeyId: string
  secretAccessKey: string
  sessionToken?: string
}
const options = (credentials: Given, where = region) => ({ endpoint: url, region: where, credentials, maxAttempts: 1 })
const sts = (credentials: Given = task, where = region) => opened.add(new STSClient(options(credentials, where)))
const sign = (KeyId: string, credentials: Given) =>
  opened
    .add(new KMSClient(options(credentials)))
    .send(new SignCommand({ KeyId, Message: message, MessageType: 'RAW', SigningAlgorithm: 'ECDSA_SHA_256' }))

const given = ({ AccessKeyId = '', SecretAccessKey = '', SessionToken = '' }: Partial<Credentials> = {}): Given => ({
  accessKeyId: AccessKeyId,
  secretAccessKey: SecretAccessKey,
  sessionToken: SessionToken,
})
const take = (RoleArn = arn, more: { SourceIdentity?: string; DurationSeconds?: number } = { SourceIdentity: 'dpo@acme-eu' }) =>
  sts().send(new AssumeRoleCommand({ RoleArn, RoleSessionName: 'approval', ...more }))

test('gives credentials for a role in the name of a person, as the SDK reads them', async () => {
  const answer = await take(arn, { SourceIdentity: 'dpo@acme-eu', DurationSeconds: 900 })
  expect(answer.SourceIdentity).toBe('dpo@acme-eu')
  expect(answer.AssumedRoleUser?.Arn).toBe('arn:aws:sts::222222222222:assumed-role/data-protection/approval')
  expect(answer.Credentials?.AccessKeyId).toMatch(/^ASIA[0-9A-F]{16}$/)
  expect(answer.Credentials?.Expiration).toBeInstanceOf(Date)
})

test('signs attestations with them, and everybody may read the public key', async () => {
  const { Credentials: taken } = await take()
  expect((await sign(dataProtection, given(taken))).Signature?.length).toBeGreaterThan(60)
  for (const credentials of [task, given(taken)]) {
    const key = await opened.add(new KMSClient(options(credentials))).send(new GetPublicKeyCommand({ KeyId: dataProtection }))
    expect(key.KeySpec).toBe('ECC_NIST_P256')
  }
})

describe('refuses', () => {
  test("the task's own credentials at the data-protection key, which only its role uses", async () => {
    await expect(sign(dataProtection, task)).rejects.toMatchObject({ name: 'AccessDeniedException' })
    expect((await sign(token, task)).Signature).toBeDefined()
  })

  test("another role's credentials at that key, and the role's own at any other key", async () => {
    const { Credentials: taken } = await take(other, {})
    await expect(sign(dataProtection, given(taken))).rejects.toMatchObject({ name: 'AccessDeniedException' })
    await expect(sign(token, given((await take()).Credentials))).rejects.toMatchObject({ name: 'AccessDeniedException' })
  })

  test('the role for nobody, and roles that are not there', async () => {
    await expect(take(arn, {})).rejects.toMatchObject({ name: 'AccessDenied', message: expect.stringContaining('source identity') })
    await expect(take('arn:aws:iam::222222222222:role/admin')).rejects.toMatchObject({ name: 'AccessDenied' })
  })

  test('names that STS does not take, and a life too short or too long', async () => {
    for (const SourceIdentity of ['d', 'dpo of acme', 'd'.repeat(65)]) {
      await expect(take(arn, { SourceIdentity })).rejects.toMatchObject({ name: 'ValidationError' })
    }
    for (const DurationSeconds of [899, 3601]) {
      await expect(take(arn, { SourceIdentity: 'dpo@acme-eu', DurationSeconds })).rejects.toMatchObject({ name: 'ValidationError' })
    }
  })

  test('the role everything beside its key: tables, buckets, another role', async () => {
    const credentials = given((await take()).Credentials)
    const key = { pk: { S: 'a' }, sk: { S: 'b' } }
    const tables = dynamo(url, region)
    tables.config.credentials = async () => credentials
    await expect(opened.add(tables).send(new GetItemCommand({ TableName: 'approvals', Key: key }))).rejects.toMatchObject({
      name: 'AccessDeniedException',
    })
    const bucket = opened.add(new S3Client({ ...options(credentials), forcePathStyle: true }))
    await expect(bucket.send(new GetObjectCommand({ Bucket: 'bundles', Key: 'x' }))).rejects.toMatchObject({ name: 'AccessDenied' })
    await expect(sts(credentials).send(new AssumeRoleCommand({ RoleArn: other, RoleSessionName: 'approval' }))).rejects.toMatchObject({
      name: 'AccessDenied',
    })
  })

  test('temporary credentials that it did not issue', async () => {
    await expect(
      sign(dataProtection, { accessKeyId: 'ASIA0000000000000000', secretAccessKey: 'x', sessionToken: 'x' }),
    ).rejects.toMatchObject({
      name: 'UnrecognizedClientException',
    })
  })

  test("another region's caller, and operations that nobody needs", async () => {
    const stray = sts(task, 'us-east-1')
    await expect(
      stray.send(new AssumeRoleCommand({ RoleArn: arn, RoleSessionName: 'approval', SourceIdentity: 'dpo' })),
    ).rejects.toMatchObject({
      name: 'SignatureDoesNotMatch',
    })
    await expect(sts().send(new GetCallerIdentityCommand({}))).rejects.toMatchObject({ name: 'InvalidAction' })
  })

  test('credentials that have expired', () => {
    let now = 0
    const service = stsService({ roles: [{ arn, needsSourceIdentity: true }], now: () => now })
    const form = new URLSearchParams({
      Action: 'AssumeRole',
      RoleArn: arn,
      RoleSessionName: 'a1',
      SourceIdentity: 'dpo',
      DurationSeconds: '900',
    })
    const id = /<AccessKeyId>(.*)<\/AccessKeyId>/.exec(service.answer(form).body)?.[1] ?? ''
    expect(service.callerOf(id)).toEqual({ kind: 'role', arn, sourceIdentity: 'dpo' })
    now = 900_000
    expect(service.callerOf(id)).toEqual({ kind: 'unknown' })
  })
})
