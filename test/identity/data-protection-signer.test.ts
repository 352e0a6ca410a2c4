import { generateKeyPairSync, verify } from 'node:crypto'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { STSClient } from '@aws-sdk/client-sts'
import { signDigest } from '../../runtime/fabric/stores/keys/ecdsa.ts'
import { dataProtectionKey, sessionText } from '../../runtime/identity/data-protection-signer.ts'

const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
const roleArn = 'arn:aws:iam::111122223333:role/aegis-eu-west-1-data-protection'
const former = process.env.AWS_ENDPOINT_URL

let server: Server
let asked: { what: string; credential: string; body: string }[]
let answersSts: boolean

beforeAll(async () => {
  // STS speaks the query protocol with XML, KMS JSON 1.1: AWS API references, AssumeRole, GetPublicKey and Sign.
  server = createServer(async (request, response) => {
    const chunks: Buffer[] = []
    for await (const chunk of request) chunks.push(chunk as Buffer)
    const body = Buffer.concat(chunks).toString()
    const credential = /Credential=(\w+)/.exec(request.headers.authorization ?? '')?.[1] ?? ''
    const what = String(request.headers['x-amz-target'] ?? new URLSearchParams(body).get('Action'))
    asked.push({ what, credential, body })
    if (what === 'AssumeRole') {
      const granted = `<Credentials><AccessKeyId>ASIATEMPORARY</AccessKeyId><SecretAccessKey>s</SecretAccessKey><SessionToken>t</SessionToken><Expiration>2099-01-01T00:00:00Z</Expiration></Credentials>`
      response.writeHead(answersSts ? 200 : 403, { 'content-type': 'text/xml' })
      return response.end(
        answersSts
          ? `<AssumeRoleResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><AssumeRoleResult>${granted}</AssumeRoleResult></AssumeRoleResponse>`
          : '<ErrorResponse><Error><Code>AccessDenied</Code><Message>no</Message></Error></ErrorResponse>',
      )
    }
    const reply =
      what === 'TrentService.GetPublicKey'
        ? {
            KeyId: 'arn:aws:kms:eu-west-1:111122223333:key/1',
            PublicKey: publicKey.export({ type: 'spki', format: 'der' }).toString('base64'),
          }
        : { Signature: signDigest(privateKey, Buffer.from(JSON.parse(body).Message, 'base64')).toString('base64') }
    response.writeHead(200, { 'content-type': 'application/x-amz-json-1.1' })
    response.end(JSON.stringify(reply))
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  process.env.AWS_ENDPOINT_URL = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
})
afterAll(() => {
  if (former === undefined) delete process.env.AWS_ENDPOINT_URL
  else process.env.AWS_ENDPOINT_URL = former
  server.close()
})
beforeEach(() => {
  asked = []
  answersSts = true
})

const make = () => {
  const credentials = { accessKeyId: 'AKIAGATEWAY', secretAccessKey: 's' }
  const sts = new STSClient({ region: 'eu-west-1', credentials, maxAttempts: 1 })
  return dataProtectionKey({ sts, region: 'eu-west-1', roleArn, keyId: 'alias/data-protection' })
}

test("signs under the role's temporary credentials, with the officer's name on the session", async () => {
  const message = Buffer.from('an export')
  const signer = await make().signerFor('dora@clinic.example', `apr.eu-west-1.${'x'.repeat(22)}`)
  const signature = await signer.sign(message)
  expect(verify('sha256', message, { key: publicKey, dsaEncoding: 'ieee-p1363' }, signature)).toBe(true)
  expect(asked.map(({ what, credential }) => [what, credential])).toEqual([
    ['AssumeRole', 'AKIAGATEWAY'],
    ['TrentService.GetPublicKey', 'ASIATEMPORARY'],
    ['TrentService.Sign', 'ASIATEMPORARY'],
  ])
  expect(Object.fromEntries(new URLSearchParams(asked[0]?.body))).toMatchObject({
    RoleArn: roleArn,
    SourceIdentity: 'dora@clinic.example',
    RoleSessionName: `apr.eu-west-1.${'x'.repeat(22)}`,
    DurationSeconds: '900',
  })
})

test('refuses to sign when the role is not given', async () => {
  answersSts = false
  await expect(make().signerFor('dora', 'apr')).rejects.toThrow()
  expect(asked).toHaveLength(1)
})

test('a name becomes what STS takes, and two names never one', () => {
  expect(sessionText('dora@clinic.example')).toBe('dora@clinic.example')
  const names = ['auth0|dora', 'auth0-dora', 'auth0 dora', 'd', '', 'ä', 'ö', 'x'.repeat(64), 'x'.repeat(65), 'x'.repeat(66), 'aws:dora']
  const texts = names.map(sessionText)
  for (const text of texts) expect(text).toMatch(/^[\w+=,.@-]{2,64}$/)
  expect(new Set(texts).size).toBe(names.length)
})
