import { createHash, createPublicKey, randomUUID, verify } from 'node:crypto'
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import {
  DescribeContinuousBackupsCommand,
  DescribeTableCommand,
  DescribeTimeToLiveCommand,
  DynamoDBClient,
  GetResourcePolicyCommand,
} from '@aws-sdk/client-dynamodb'
import { DescribeKeyCommand, KMSClient } from '@aws-sdk/client-kms'
import { GetBucketVersioningCommand, GetObjectLockConfigurationCommand, S3Client } from '@aws-sdk/client-s3'
import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { deployment as shipped } from '../../config/deployment.ts'
import { cellNames, sharedNames, stackNames } from '../../config/names.ts'
import { resolveDeployment } from '../../config/resolve.ts'
import { regionsOf } from '../../config/schema.ts'
import { readTopology } from '../../runtime/fabric/topology/read.ts'
import type { Origin, RecordSet, Topology } from '../../runtime/fabric/topology/topology.ts'
import { kmsPublicJwk, kmsSigner } from '../../runtime/identity/kms-signer.ts'
import { publicJwk } from '../../runtime/policy/trust.ts'
import { openAccountDoor } from './support/account-door.ts'
import { type EmulatedCloud, startEmulatedCloud } from './support/emulated-cloud.ts'
import {
  type Dropped,
  describeDropped,
  fitAssembly,
  fitTemplate,
  LACKING_SHAPES,
  LACKING_TYPES,
  LOOSE_PROPERTIES,
  type Template,
} from './support/emulator-profile.ts'
import { everyName } from './support/every-name.ts'
import { freePort } from './support/foreign-server.ts'
import { suiteNeeding } from './support/needs.ts'
import { type ScratchCopy, scratchCopy } from './support/scratch-copy.ts'
import { serve } from './support/served.ts'

// The deployment as it is shipped, with accounts, a domain and documents that a deploy takes, goes to an emulator of AWS by the real CDK CLI and in the
// order of the documentation. Then everything is looked for where its names say, and a gateway runs on it. What that proves and what not: docs/emulator.md.
const ministack = process.env.AEGIS_MINISTACK
const suite = suiteNeeding('ministack', ministack)

const CONTROL = '430918275561'
const WORKLOAD = '618204937742'
/** Neither reserved for examples nor asked for by anybody here. */
const DOMAIN = 'aegis-emulated.dev'
const AGENT = 'finance-agent'
const SECRET = randomUUID()
/** Of AMPRNet's test range: unicast, and nobody's. */
const TOOLS_ADDRESS = '44.128.1.20'
const DEPLOY_MAX_MS = 420_000
const SERVE_MAX_MS = 60_000

const config = (environment: object) => ({
  domain: DOMAIN,
  documentsDir: 'documents',
  environments: { prod: { accounts: { control: CONTROL, workload: WORKLOAD }, ...environment } },
})

suite('a deploy to an emulator of AWS', () => {
  const folder = mkdtempSync(join(tmpdir(), 'aegis-emulated-'))
  const closing: (() => Promise<void> | void)[] = [() => rmSync(folder, { recursive: true, force: true })]
  let cloud: EmulatedCloud
  let copy: ScratchCopy
  let hostedZoneId: string
  let controlZone: { hostedZoneId: string; nameServers: string[] } | undefined
  let assembly: string
  let fitted: string
  let dropped: Dropped[]
  let topology: Topology
  const deployment = () => resolveDeployment({ ...shipped, ...config({ hostedZoneId, controlZone }) })
  const home = { account: WORKLOAD, region: shipped.homeRegion }
  const control = { account: CONTROL, region: shipped.homeRegion }
  const tables = (place: Origin) => new DynamoDBClient(cloud.client(place))
  const keys = (place: { account: string; region: string }) => new KMSClient(cloud.client(place))
  const objects = (place: Origin) => new S3Client({ ...cloud.client(place), forcePathStyle: true })

  const synth = async (name: string, environment: object) => {
    copy.configure(`{ ...shipped, ...${JSON.stringify(config(environment))} }`)
    const out = join(folder, name)
    await cloud.cdk(home, copy.folder, ['synth', '--quiet', '--output', out])
    const fit = join(folder, `${name}-fitted`)
    return { out, fit, dropped: fitAssembly(out, fit) }
  }
  const onlyZoneOf = async (account: string) => /<Id>\/hostedzone\/(\w+)<\/Id>/.exec(await cloud.route53(account, '/hostedzone'))?.[1] ?? ''
  const deploy = (fit: string, ...stacks: string[]) =>
    cloud.cdk(home, copy.folder, ['deploy', '--app', fit, ...stacks, '--require-approval', 'never', '--concurrency', '4'])

  beforeAll(async () => {
    cloud = await startEmulatedCloud(ministack ?? '')
    closing.unshift(() => cloud.close())
    copy = scratchCopy()
    closing.unshift(() => copy.remove())
    ownDocuments(copy)
    const first = await synth('first', {})
    await bootstrap(cloud, first.fit)
    const names = stackNames(deployment())
    await deploy(first.fit, names.dns, names.controlDns, '--exclusively')
    hostedZoneId = await onlyZoneOf(WORKLOAD)
    const controlZoneId = await onlyZoneOf(CONTROL)
    const nameServers = [...(await cloud.route53(CONTROL, `/hostedzone/${controlZoneId}`)).matchAll(/<NameServer>(.*?)<\/NameServer>/g)]
    controlZone = { hostedZoneId: controlZoneId, nameServers: nameServers.map(([, name = '']) => name.replace(/\.$/, '')) }
    const named = await synth('named', { hostedZoneId, controlZone })
    await deploy(named.fit, names.controlPlaneStandby, names.controlPlane, '--exclusively')
    const trusted = publicJwk.parse(await kmsPublicJwk(keys(control), sharedNames(deployment()).bundleSigningKey))
    copy.write('config/trust/prod.json', JSON.stringify({ keys: [trusted] }))
    const second = await synth('second', { hostedZoneId, controlZone })
    ;({ out: assembly, fit: fitted, dropped } = second)
    console.log(['not in the emulator:', ...describeDropped(dropped)].join('\n'))
    topology = readTopology(assembly, deployment())
    await deploy(fitted, '--all')
  }, DEPLOY_MAX_MS)

  afterAll(async () => {
    for (const close of closing) await close()
  })

  test('every stack is there, in its account and region, with every resource that was not dropped', async () => {
    const stacks = stacksOf(fitted)
    expect(stacks.length).toBeGreaterThan(30)
    for (const { name, account, region, template } of stacks) {
      const xml = await cloud.query({ account, region }, 'cloudformation', { Action: 'DescribeStackResources', StackName: name })
      const made = [...xml.matchAll(/<LogicalResourceId>(.*?)<\/LogicalResourceId>.*?<ResourceStatus>(.*?)<\/ResourceStatus>/gs)]
      const expected = Object.keys(template.Resources).map((id) => [id, 'CREATE_COMPLETE'])
      // What was deployed before all was known is an update by now.
      const found = made.map(([, id, status]) => [id, status?.replace(/^UPDATE_COMPLETE$/, 'CREATE_COMPLETE')])
      expect([name, found.toSorted()]).toEqual([name, expected.toSorted()])
    }
  })

  test('every table has its keys, in its own region and no other', async () => {
    expect(topology.tables.length).toBeGreaterThan(20)
    for (const { name, keySchema, origin } of topology.tables) {
      const { Table } = await tables(origin).send(new DescribeTableCommand({ TableName: name }))
      expect([name, Table?.KeySchema]).toEqual([name, keySchema])
      expect(Table?.TableArn).toBe(`arn:aws:dynamodb:${origin.region}:${origin.account}:table/${name}`)
      const elsewhere = tables({ ...origin, region: origin.region === 'us-east-1' ? 'eu-west-1' : 'us-east-1' })
      await expect(elsewhere.send(new DescribeTableCommand({ TableName: name }))).rejects.toThrow(/not found/)
    }
  })

  test('every signing key signs by its alias, and its public half verifies', async () => {
    const signing = topology.keys.filter(({ usage }) => usage === 'SIGN_VERIFY')
    // Four a region, and the control plane's with its standby's.
    expect(signing.length).toBe(regionsOf(deployment()).length * 4 + 2)
    for (const { aliases, origin } of signing) {
      const signer = await kmsSigner(keys(origin), aliases[0] ?? '')
      const message = Buffer.from(`signed by ${aliases[0]}`)
      const signature = await signer.sign(message)
      const key = createPublicKey({ key: { ...signer.publicJwk }, format: 'jwk' })
      const holds = (bytes: Uint8Array) => verify('sha256', bytes, { key, dsaEncoding: 'ieee-p1363' }, signature)
      expect([aliases, holds(message), holds(Buffer.from('something else'))]).toEqual([aliases, true, false])
    }
    for (const { aliases, spec, origin } of topology.keys.filter(({ usage }) => usage !== 'SIGN_VERIFY')) {
      const { KeyMetadata } = await keys(origin).send(new DescribeKeyCommand({ KeyId: aliases[0] }))
      expect([aliases, KeyMetadata?.KeySpec, KeyMetadata?.KeyState]).toEqual([aliases, spec, 'Enabled'])
    }
  })

  test('every bucket is there, versioned where the template says so', async () => {
    const versioned = new Map(
      resourcesIn(assembly, 'AWS::S3::Bucket').map(({ BucketName, VersioningConfiguration: how }) => [
        BucketName,
        (how as { Status?: string } | undefined)?.Status,
      ]),
    )
    expect(topology.buckets.length).toBeGreaterThan(10)
    for (const { name, origin } of topology.buckets) {
      const { Status } = await objects(origin).send(new GetBucketVersioningCommand({ Bucket: name }))
      expect([name, Status]).toEqual([name, versioned.get(name)])
    }
  })

  test('every role with a name is there, trusted by whom the template says', async () => {
    const roles = stacksOf(assembly).flatMap(({ account, template }) =>
      Object.values(template.Resources)
        .filter(({ Type, Properties }) => Type === 'AWS::IAM::Role' && typeof Properties?.RoleName === 'string')
        .map(({ Properties }) => ({ ...Properties, account })),
    ) as { account: string; RoleName: string; AssumeRolePolicyDocument: unknown }[]
    expect(roles.length).toBeGreaterThan(20)
    for (const { RoleName, AssumeRolePolicyDocument, account } of roles) {
      const xml = await cloud.query({ account, region: 'us-east-1' }, 'iam', { Action: 'GetRole', RoleName: String(RoleName) })
      const [, text = ''] = /<AssumeRolePolicyDocument>(.*?)<\/AssumeRolePolicyDocument>/s.exec(xml) ?? []
      expect([RoleName, JSON.parse(decodeURIComponent(text))]).toEqual([RoleName, AssumeRolePolicyDocument])
    }
  })

  test('Route 53 has the records of the templates: names, policies, TTLs and where they lead', async () => {
    const found = [
      ...recordsIn(await cloud.route53(WORKLOAD, `/hostedzone/${hostedZoneId}/rrset`)),
      ...recordsIn(await cloud.route53(CONTROL, `/hostedzone/${controlZone?.hostedZoneId}/rrset`)),
    ]
    const kept = found.filter((record) => !/ (NS|SOA) /.test(record))
    expect(topology.records.length).toBeGreaterThan(10)
    expect(kept.toSorted()).toEqual(topology.records.map(recordLine).toSorted())
  })

  test('a gateway on it becomes ready with what the control plane published, issues a token and decides', async () => {
    const [{ region, environment, secrets } = { region: '', environment: {}, secrets: {} }] = topology.cells.filter(
      (cell) => cell.region === home.region,
    )
    const [port, operatorPort, controlPort] = [await freePort(), await freePort(), await freePort()]
    const door = await openAccountDoor(cloud.url, WORKLOAD)
    const dns = await everyName(TOOLS_ADDRESS)
    closing.unshift(door.close, dns.close)
    const plane = await serve(join(copy.folder, 'runtime/control-plane/server.ts'), {
      cwd: copy.folder,
      env: {
        ...cloud.environment(control),
        AEGIS_ENVIRONMENT: 'prod',
        AEGIS_HOST: '127.0.0.1',
        AEGIS_PORT: String(controlPort),
        AEGIS_DOCUMENTS_DIR: join(copy.folder, 'documents'),
        // The global table has no replica in the emulator, so its own region is the only one to publish to.
        AEGIS_REGIONS: region,
        AEGIS_REGION_ENDPOINTS: JSON.stringify({ [region]: door.url }),
      },
      ready: `http://127.0.0.1:${controlPort}/health/live`,
      timeoutMs: SERVE_MAX_MS,
    })
    closing.unshift(plane.close)
    const filled = await Promise.all(
      Object.entries(secrets).map(async ([variable, name]) => [variable, await cloud.secret(home, name)] as const),
    )
    const url = `http://127.0.0.1:${port}`
    const gateway = await serve(join(copy.folder, 'runtime/gateway/server.ts'), {
      cwd: copy.folder,
      env: {
        ...cloud.environment(home),
        ...environment,
        ...Object.fromEntries(filled),
        // Of the task's environment only what is a place on this machine differs.
        AEGIS_HOST: '127.0.0.1',
        AEGIS_PORT: String(port),
        AEGIS_OPERATOR_PORT: String(operatorPort),
        AEGIS_SPOOL_DIR: join(folder, 'spool'),
        AEGIS_DNS_SERVERS: dns.address,
      },
      ready: `${url}/health/ready`,
      timeoutMs: SERVE_MAX_MS,
    }).catch((error: unknown) => {
      throw new Error(`${error}\nthe control plane said: ${plane.output().slice(-2000)}`)
    })
    closing.unshift(gateway.close)

    const form = new URLSearchParams({ grant_type: 'client_credentials', client_id: AGENT, client_secret: SECRET })
    // The control plane takes over the clients after the first release, and the gateway follows its directory by the second.
    let token = ''
    let said = ''
    const issued = async () => {
      const answer = await fetch(`${url}/oauth/token`, { method: 'POST', body: form })
      said = await answer.clone().text()
      if (answer.status === 200) ({ access_token: token } = (await answer.json()) as { access_token: string })
      return answer.status === 200
    }
    await until(issued, () => `${said}\n${plane.output()}`)
    const decide = async (amount: number, more: object = {}) => {
      const call = { tool: 'stripe-payments', action: 'create_payment', arguments: { amount, currency: 'eur', recipient: 'supplier-1' } }
      const headers = { authorization: `Bearer ${token}`, 'content-type': 'application/json' }
      const answer = await fetch(`${url}/v1/decisions`, { method: 'POST', headers, body: JSON.stringify({ ...call, ...more }) })
      return { status: answer.status, ...((await answer.json()) as { decision?: string; decision_id?: string }) }
    }
    const key = randomUUID()
    const keyed = await decide(100, { idempotency_key: key })
    expect(keyed).toMatchObject({ status: 200, decision: 'allow' })
    // The key was kept in its table: the same verdict again.
    expect(await decide(100, { idempotency_key: key })).toMatchObject({ decision: 'allow', decision_id: keyed.decision_id })
    // An approval was written into its table, or there would be none to wait for.
    expect(await decide(600_000)).toMatchObject({ status: 200, decision: 'approval_needed' })
    const refused = await fetch(`${url}/v1/decisions`, { method: 'POST', headers: { 'content-type': 'application/json' }, body: '{}' })
    expect(refused.status).toBe(401)
  }, 120_000)

  test('refuses a release that another key has signed: nothing serves that the control account did not sign', async () => {
    const cell = topology.cells.find(({ region }) => region === home.region)
    const stranger = await kmsPublicJwk(keys(home), cellNames(deployment(), home.region, cell?.zone ?? '').signingKey('audit'))
    const [port, operatorPort] = [await freePort(), await freePort()]
    const filled = await Promise.all(
      Object.entries(cell?.secrets ?? {}).map(async ([variable, name]) => [variable, await cloud.secret(home, name)] as const),
    )
    const url = `http://127.0.0.1:${port}`
    const gateway = await serve(join(copy.folder, 'runtime/gateway/server.ts'), {
      cwd: copy.folder,
      env: {
        ...cloud.environment(home),
        ...cell?.environment,
        ...Object.fromEntries(filled),
        AEGIS_TRUST_ROOT: JSON.stringify({ keys: [publicJwk.parse(stranger)] }),
        AEGIS_HOST: '127.0.0.1',
        AEGIS_PORT: String(port),
        AEGIS_OPERATOR_PORT: String(operatorPort),
        AEGIS_SPOOL_DIR: join(folder, 'other-spool'),
      },
      ready: `${url}/health/live`,
      timeoutMs: SERVE_MAX_MS,
    })
    closing.unshift(gateway.close)
    await until(() => gateway.output().includes('"refused"'), gateway.output)
    expect((await fetch(`${url}/health/ready`)).status).toBe(503)
  }, 90_000)

  // The rest holds the emulator itself to what the profile and docs/emulator.md say of it.

  test('refuses every type that the profile drops, and the templates have each', async () => {
    const Resources = Object.fromEntries(Object.keys(LACKING_TYPES).map((Type, index) => [`R${index}`, { Type }]))
    const xml = await cloud.query(home, 'cloudformation', { Action: 'ValidateTemplate', TemplateBody: JSON.stringify({ Resources }) })
    const [, refused = ''] = /Unrecognized resource types: \[(.*?)\]/.exec(xml) ?? []
    expect(refused.split(', ').toSorted()).toEqual(Object.keys(LACKING_TYPES).toSorted())
    const used = new Set(dropped.map(({ type }) => type))
    expect(Object.keys(LACKING_TYPES).filter((type) => !used.has(type))).toEqual([])
  })

  test('refuses every shape that the profile drops, and no property is left out for nothing', async () => {
    for (const { type, having } of LACKING_SHAPES) {
      const Properties = resourcesIn(assembly, type).find((properties) => properties[having] !== undefined)
      expect([type, having, Properties]).toEqual([type, having, expect.anything()])
      const StackName = `shape-${having}`
      const TemplateBody = JSON.stringify({ Resources: { Planted: { Type: type, Properties } } })
      await cloud.query(home, 'cloudformation', { Action: 'CreateStack', StackName, TemplateBody })
      let xml = ''
      const ended = async () => {
        xml = await cloud.query(home, 'cloudformation', { Action: 'DescribeStacks', StackName })
        return /_(COMPLETE|FAILED)</.test(xml)
      }
      await until(ended, () => xml)
      expect(xml).toMatch(/ROLLBACK/)
    }
    for (const { type, property } of LOOSE_PROPERTIES)
      expect([type, property, dropped.some((one) => one.type === type && one.property === property)]).toEqual([type, property, true])
  })

  test('takes a table without its replicas, TTL, backups, protection, key or policy, and a bucket without its lock', async () => {
    for (const { name, replicas, origin } of topology.tables.filter((table) => table.origin.region === home.region)) {
      const client = tables(origin)
      const { Table } = await client.send(new DescribeTableCommand({ TableName: name }))
      const { TimeToLiveDescription } = await client.send(new DescribeTimeToLiveCommand({ TableName: name }))
      const { ContinuousBackupsDescription: backups } = await client.send(new DescribeContinuousBackupsCommand({ TableName: name }))
      const policy = await client.send(new GetResourcePolicyCommand({ ResourceArn: Table?.TableArn })).then(
        ({ Policy }) => Policy,
        () => undefined,
      )
      expect([name, replicas.length > 0, Table?.Replicas, Table?.SSEDescription, Table?.DeletionProtectionEnabled]).toEqual([
        name,
        true,
        undefined,
        undefined,
        false,
      ])
      expect([name, TimeToLiveDescription?.TimeToLiveStatus, policy]).toEqual([name, 'DISABLED', undefined])
      expect(backups?.PointInTimeRecoveryDescription?.PointInTimeRecoveryStatus).toBe('DISABLED')
    }
    const audit = topology.buckets.find(({ name }) => name.includes('audit'))
    if (audit === undefined) throw new Error('no audit bucket')
    const lock = await objects(audit.origin)
      .send(new GetObjectLockConfigurationCommand({ Bucket: audit.name }))
      .then(
        ({ ObjectLockConfiguration }) => ObjectLockConfiguration?.Rule,
        () => undefined,
      )
    expect(lock).toBeUndefined()
  })
})

// Needs no emulator.
test('the profile drops what refers to what it drops, and no more', () => {
  const template: Template = {
    Resources: {
      Nat: { Type: 'AWS::EC2::NatGateway', Properties: { AllocationId: { 'Fn::GetAtt': ['Eip', 'AllocationId'] } } },
      Eip: { Type: 'AWS::EC2::EIP' },
      Route: { Type: 'AWS::EC2::Route', Properties: { NatGatewayId: { Ref: 'Nat' } } },
      Check: { Type: 'AWS::Route53::HealthCheck' },
      Record: {
        Type: 'AWS::Route53::RecordSet',
        Properties: { Name: 'a', HealthCheckId: { Ref: 'Check' } },
        DependsOn: ['Check', 'Topic'],
      },
      Named: { Type: 'AWS::SSM::Parameter', Properties: { Value: { 'Fn::Sub': ['of $', '{Route}'].join('') } } },
      Topic: { Type: 'AWS::SNS::Topic' },
    },
  }
  const dropped = fitTemplate(template, 'stack')
  expect(template.Resources).toEqual({
    Record: { Type: 'AWS::Route53::RecordSet', Properties: { Name: 'a' }, DependsOn: ['Topic'] },
    Topic: { Type: 'AWS::SNS::Topic' },
  })
  expect(dropped.map(({ id, property }) => [id, property]).toSorted()).toEqual(
    [['Check'], ['Eip'], ['Named'], ['Nat'], ['Record', 'HealthCheckId'], ['Route']].map(([id, property]) => [id, property]),
  )
})

async function bootstrap(cloud: EmulatedCloud, fit: string): Promise<void> {
  const environments = [...new Set(stacksOf(fit).map(({ account, region }) => `aws://${account}/${region}`))]
  for (const account of [WORKLOAD, CONTROL]) {
    const own = environments.filter((one) => one.includes(account))
    const trusting =
      account === CONTROL ? ['--trust', WORKLOAD, '--cloudformation-execution-policies', 'arn:aws:iam::aws:policy/AdministratorAccess'] : []
    await cloud.cdk({ account, region: shipped.homeRegion }, fit, ['bootstrap', ...own, ...trusting, '--app', fit])
  }
}

/** The demo's, under a name of their own and with a secret that nobody else knows. */
function ownDocuments(copy: ScratchCopy): void {
  for (const name of readdirSync(join(copy.folder, 'demo'), { recursive: true, encoding: 'utf8' }).filter((one) => one.endsWith('.yaml')))
    copy.write(`documents/${name}`, copy.read(`demo/${name}`))
  const digest = createHash('sha256').update(SECRET).digest('hex')
  copy.write('documents/clients.yaml', `${AGENT}: { secret_sha256: '${digest}' }\n`)
}

function stacksOf(assembly: string): { name: string; account: string; region: string; template: Template }[] {
  const { artifacts } = JSON.parse(readFileSync(join(assembly, 'manifest.json'), 'utf8')) as {
    artifacts: Record<string, { type: string; environment?: string; properties?: { templateFile?: string } }>
  }
  return Object.entries(artifacts).flatMap(([name, { type, environment = '', properties }]) => {
    if (type !== 'aws:cloudformation:stack') return []
    const [account = '', region = ''] = environment.replace('aws://', '').split('/')
    return [{ name, account, region, template: JSON.parse(readFileSync(join(assembly, properties?.templateFile ?? ''), 'utf8')) }]
  })
}

/** Properties of every resource of a type, whatever stack it is in. */
function resourcesIn(assembly: string, type: string): Record<string, unknown>[] {
  return stacksOf(assembly).flatMap(({ template }) =>
    Object.values(template.Resources)
      .filter(({ Type }) => Type === type)
      .map(({ Properties }) => Properties ?? {}),
  )
}

/** Name, type, policy and target of a record in one line. Of a load balancer the name is AWS's, so that it is one is all that is said. */
function recordLine({ name, type, routing, target }: RecordSet): string {
  const policy = {
    simple: () => 'simple',
    failover: (one: RecordSet['routing']) => (one.policy === 'failover' ? `${one.role} ${one.setIdentifier}` : ''),
    latency: (one: RecordSet['routing']) => (one.policy === 'latency' ? `latency ${one.region} ${one.setIdentifier}` : ''),
    weighted: (one: RecordSet['routing']) => (one.policy === 'weighted' ? `weighted ${one.weight} ${one.setIdentifier}` : ''),
  }[routing.policy](routing)
  const where = 'values' in target ? `${target.ttlS} ${target.values.join()}` : `load balancer ${target.evaluateTargetHealth}`
  return `${name} ${type} ${policy} ${where}`
}

function recordsIn(xml: string): string[] {
  return [...xml.matchAll(/<ResourceRecordSet>(.*?)<\/ResourceRecordSet>/gs)].map(([, set = '']) => {
    const field = (name: string) => new RegExp(`<${name}>(.*?)</${name}>`).exec(set)?.[1]
    const id = field('SetIdentifier')
    const policy =
      [field('Failover'), field('Weight') && `weighted ${field('Weight')}`, field('Region') && `latency ${field('Region')}`].find(
        Boolean,
      ) ?? 'simple'
    const values = [...set.matchAll(/<Value>(.*?)<\/Value>/g)].map(([, value]) => value)
    const where = set.includes('<AliasTarget>')
      ? `${field('DNSName')?.includes('.elb.amazonaws.com') ? 'load balancer' : field('DNSName')} ${field('EvaluateTargetHealth')}`
      : `${field('TTL')} ${values.join()}`
    return `${field('Name')?.replace(/\.$/, '')} ${field('Type')} ${[policy, id].filter(Boolean).join(' ')} ${where}`
  })
}

async function until(holds: () => boolean | Promise<boolean>, said: () => string): Promise<void> {
  const deadline = performance.now() + 30_000
  while (!(await holds())) {
    if (performance.now() > deadline) throw new Error(`not so within its time: ${said().slice(-2000)}`)
    await new Promise((resolve) => setTimeout(resolve, 100))
  }
}
