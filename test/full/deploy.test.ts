import { spawnSync } from 'node:child_process'
import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { CloudFormationClient, DescribeStacksCommand } from '@aws-sdk/client-cloudformation'
import { DynamoDBClient } from '@aws-sdk/client-dynamodb'
import { CreateAliasCommand, CreateKeyCommand, KMSClient } from '@aws-sdk/client-kms'

import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { writePointer } from '../../runtime/state/pointers.ts'
import { type ForeignServer, startForeignServer } from './support/foreign-server.ts'
import { suiteNeeding } from './support/needs.ts'

// From two empty accounts to what is pinned, in an emulator, by the commands of docs/deploy.md: the CDK's own bootstrap and deploy, in a clone with a
// configuration of its own. One region, as the emulator drops the replicas of a table. Networks and gateways it cannot make.
const ministack = process.env.AEGIS_MINISTACK
const suite = suiteNeeding('ministack', ministack)

const ROOT = join(import.meta.dirname, '../..')
const REGION = 'eu-west-1'
const [CONTROL, WORKLOAD] = ['210987654321', '310987654321']
const STEP_TIMEOUT_MS = 240_000

suite('a first deploy', () => {
  let emulator: ForeignServer
  let clone: string

  beforeAll(async () => {
    emulator = await startForeignServer((port) => ({
      file: ministack ?? '',
      args: [],
      env: { BIND_HOST: '127.0.0.1', GATEWAY_PORT: String(port), IOT_MTLS_ENABLED: '0', SFTP_ENABLED: '0' },
    }))
    clone = mkdtempSync(join(tmpdir(), 'aegis-clone-'))
    for (const part of [
      'bin',
      'config',
      'lib',
      'runtime',
      'scripts',
      'demo',
      'policies',
      'cdk.json',
      'package.json',
      'package-lock.json',
      '.npmrc',
    ])
      cpSync(join(ROOT, part), join(clone, part), { recursive: true })
    for (const folder of ['config/pinned', 'config/trust']) rmSync(join(clone, folder), { recursive: true, force: true })
    symlinkSync(join(ROOT, 'node_modules'), join(clone, 'node_modules'))
    mkdirSync(join(clone, 'own'))
    for (const part of ['tools.yaml', 'tenants.yaml', 'agents'])
      cpSync(join(ROOT, 'demo', part), join(clone, 'own', part), { recursive: true })
    configure({ documentsDir: 'own' })
  }, STEP_TIMEOUT_MS)

  afterAll(async () => {
    await emulator?.close()
    rmSync(clone, { recursive: true, force: true })
  })

  function configure({ documentsDir, allowDemo = false }: { documentsDir: string; allowDemo?: boolean }): void {
    const deployment = {
      ...{ name: 'aegis', domain: 'aegis.corp', documentsDir, homeRegion: REGION, routingRegion: 'eu-north-1' },
      zones: { eu: { regions: [REGION] } },
      environments: { prod: { accounts: { control: CONTROL, workload: WORKLOAD }, allowDemo } },
    }
    writeFileSync(join(clone, 'config/deployment.ts'), `export const deployment = ${JSON.stringify(deployment)}\n`)
  }

  /** A twelve-digit access key is an account to the emulator. */
  function run(command: readonly string[], account = WORKLOAD) {
    const [file = '', ...args] = command
    const env = {
      ...process.env,
      ...{ AWS_ENDPOINT_URL: emulator.url, AWS_ACCESS_KEY_ID: account, AWS_SECRET_ACCESS_KEY: 'x', AWS_REGION: REGION },
      ...{ AWS_PROFILE: '', AWS_EC2_METADATA_DISABLED: 'true', CI: 'true' },
      // CDK's own rules of CloudFormation have judged these templates in test/stacks, and take seconds of each synth here.
      CDK_VALIDATION: 'false',
    }
    const { status, stdout, stderr } = spawnSync(file, args, { cwd: clone, env, encoding: 'utf8', timeout: STEP_TIMEOUT_MS })
    return { status, text: `${stdout}${stderr}` }
  }
  const aegis = (...args: string[]) => run([process.execPath, 'runtime/cli/aegis.ts', ...args])
  const deploy = (...args: string[]) => run([process.execPath, 'scripts/deploy.ts', ...args, '--', '--require-approval', 'never'])
  const cdk = (args: readonly string[], account?: string) => run([join(ROOT, 'node_modules/.bin/cdk'), ...args, '--no-notices'], account)

  const settings = (account = WORKLOAD) => ({
    ...{ region: REGION, endpoint: emulator.url, credentials: { accessKeyId: account, secretAccessKey: 'x' } },
  })

  /** What the control plane's stack has beside a network and a service, which the emulator cannot make. */
  async function makeSigningKey(): Promise<void> {
    const kms = new KMSClient(settings(CONTROL))
    const { KeyMetadata } = await kms.send(new CreateKeyCommand({ KeySpec: 'ECC_NIST_P256', KeyUsage: 'SIGN_VERIFY' }))
    await kms.send(new CreateAliasCommand({ AliasName: 'alias/aegis-prod-bundle-signing', TargetKeyId: KeyMetadata?.KeyId ?? '' }))
    kms.destroy()
  }

  test(
    'refuses accounts that are not bootstrapped, each with its command',
    () => {
      const { status, text } = aegis('preflight', 'aegis-prod-dns', 'aegis-prod-control-dns', 'aegis-prod-control-plane')
      expect(status).toBe(1)
      expect(text).toContain(`${WORKLOAD}/eu-north-1 is not bootstrapped: npm exec cdk -- bootstrap aws://${WORKLOAD}/eu-north-1\n`)
      expect(text).toContain(`${CONTROL}/${REGION} is not bootstrapped`)
      expect(deploy('aegis-prod-dns').status).toBe(1)
      const trust = ['--trust', WORKLOAD, '--trust-for-lookup', WORKLOAD]
      const execution = ['--cloudformation-execution-policies', 'arn:aws:iam::aws:policy/AdministratorAccess']
      const ended = [
        cdk(['bootstrap', `aws://${WORKLOAD}/${REGION}`, `aws://${WORKLOAD}/eu-north-1`]),
        cdk(['bootstrap', `aws://${CONTROL}/${REGION}`, `aws://${CONTROL}/eu-north-1`, ...trust, ...execution], CONTROL),
      ]
      expect(ended.map(({ status: code }) => code)).toEqual([0, 0])
      expect(aegis('preflight', 'aegis-prod-dns', 'aegis-prod-control-dns')).toMatchObject({ status: 0 })
    },
    STEP_TIMEOUT_MS,
  )

  test(
    'refuses the demo, also when nobody asked the preflight: CloudFormation itself does, and makes nothing',
    async () => {
      configure({ documentsDir: 'demo' })
      expect(deploy('aegis-prod-keys-eu-west-1')).toMatchObject({
        status: 2,
        text: 'config/deployment.ts: documentsDir: demo is the demo, whose secrets everybody knows; put your own documents there\n',
      })
      const straight = () => cdk(['deploy', 'aegis-prod-keys-eu-west-1', '--exclusively', '--require-approval', 'never'])
      const { status, text } = straight()
      expect(status).not.toBe(0)
      expect(text).toContain('documentsDir: demo is the demo, whose secrets everybody knows')
      const client = new CloudFormationClient(settings())
      const { Stacks = [] } = await client.send(new DescribeStacksCommand({}))
      const made = Stacks.filter(({ StackName, StackStatus }) => StackName?.startsWith('aegis-') && StackStatus !== 'REVIEW_IN_PROGRESS')
      expect(made).toEqual([])
      configure({ documentsDir: 'demo', allowDemo: true })
      const allowed = straight()
      expect(allowed.text).toContain('this environment runs the public documents and secrets of the demo')
      expect(allowed.status).toBe(0)
      configure({ documentsDir: 'own' })
      client.destroy()
    },
    STEP_TIMEOUT_MS,
  )

  test(
    'pins what there is, stack by stack, and nothing twice',
    async () => {
      const before = aegis('pin')
      expect(before.status).toBe(1)
      expect(before.text.match(/^not pinned: /gm)).toHaveLength(4)
      expect(before.text).toContain('nothing to write')
      await makeSigningKey()
      const deployed = deploy('aegis-prod-dns', 'aegis-prod-control-dns', 'aegis-prod-global-state', `aegis-prod-bundle-store-${REGION}`)
      expect([deployed.status, deployed.status === 0 ? '' : deployed.text]).toEqual([0, ''])
      const { status, text } = aegis('pin')
      expect([status, text]).toEqual([0, expect.stringContaining('wrote config/trust/prod.json config/pinned/prod.json')])
      expect(text).toMatch(/let its parent zone name \S+\.awsdns-/)
      const pinned = JSON.parse(readFileSync(join(clone, 'config/pinned/prod.json'), 'utf8'))
      expect(pinned).toEqual({
        hostedZoneId: expect.stringMatching(/^Z/),
        controlZone: {
          hostedZoneId: expect.stringMatching(/^Z/),
          nameServers: expect.arrayContaining([expect.stringContaining('awsdns')]),
        },
        deployedReplicas: [REGION],
      })
      expect(pinned.controlZone.hostedZoneId).not.toBe(pinned.hostedZoneId)
      const again = aegis('pin')
      expect([again.status, again.text]).toEqual([0, expect.stringMatching(/\nnothing to write\n$/)])
      expect(existsSync(join(clone, 'config/pinned/prod.json.new'))).toBe(false)
    },
    STEP_TIMEOUT_MS,
  )

  test(
    'synthesizes with what is pinned: no rule is left that refuses for want of it',
    () => {
      const out = join(clone, 'out')
      expect(cdk(['synth', '--quiet', '--output', out]).status).toBe(0)
      const template = readFileSync(join(out, `aegis-prod-gateway-${REGION}.template.json`), 'utf8')
      const { hostedZoneId } = JSON.parse(readFileSync(join(clone, 'config/pinned/prod.json'), 'utf8'))
      expect(template).toContain(hostedZoneId)
      expect(template).not.toMatch(/is not pinned|no key is pinned/)
    },
    STEP_TIMEOUT_MS,
  )

  test(
    'refuses a gateway for what comes before it, and for want of a publication until there is one',
    async () => {
      const gateway = `aegis-prod-gateway-${REGION}`
      const first = aegis('preflight', gateway)
      expect(first.status).toBe(1)
      for (const need of ['zone-eu', 'control-plane', `network-${REGION}`, `residency-store-${REGION}`])
        expect(first.text).toContain(`${gateway} needs aegis-prod-${need}, which is not deployed: npm run deploy -- aegis-prod-${need}\n`)
      expect(first.text).not.toContain('aegis-prod-dns, which')
      const unpublished = `nothing is published for ${REGION}`
      expect(first.text).toContain(unpublished)
      const dynamodb = new DynamoDBClient(settings())
      const digest = 'ab'.repeat(32)
      const pointer = { bundleDigest: digest, bundleSeq: 2, directoryDigest: digest, directorySeq: 1, updatedAt: 1 }
      await writePointer(dynamodb, 'aegis-prod-global', { region: REGION, ring: 'stable', ...pointer }, 1)
      expect(aegis('preflight', gateway).text).not.toContain(unpublished)
      dynamodb.destroy()
    },
    STEP_TIMEOUT_MS,
  )

  test(
    'refuses to lose a pinned key: a file that has others already stays as it is',
    () => {
      const file = join(clone, 'config/trust/prod.json')
      const { keys } = JSON.parse(readFileSync(file, 'utf8'))
      const others = [
        {
          kty: 'EC',
          crv: 'P-256',
          kid: 'old',
          x: 'XN732rYalMT-pXMfHjEDkNLxSCzs1e7Jr1LSM7_ZcP8',
          y: 'pXTzfZA6YMLAJ8YyJ66WagME7BMgN434GE-uvb9AKgA',
        },
        { ...JWK_NEXT, kid: 'next' },
      ]
      const text = JSON.stringify({ keys: others })
      writeFileSync(file, text)
      expect(aegis('pin')).toMatchObject({
        status: 2,
        text: expect.stringMatching(/^aegis: config\/trust\/prod.json: .*old and next.*--replace\n$/),
      })
      expect(readFileSync(file, 'utf8')).toBe(text)
      expect(aegis('pin', '--replace').text).toMatch(/NO LONGER BELIEVED: old\nNO LONGER BELIEVED: next\n/)
      expect(JSON.parse(readFileSync(file, 'utf8')).keys).toEqual(keys)
    },
    STEP_TIMEOUT_MS,
  )
})

/** The point of RFC 7517, appendix A.1. */
const JWK_NEXT = {
  kty: 'EC',
  crv: 'P-256',
  x: 'MKBCTNIcKUSDii11ySs3526iDZ8AiTo7Tu6KPAqv7D4',
  y: '4Etl6SRW2YiLUrN5vfvVHuhp7x8PxltmWWlbbM4IFyM',
}
