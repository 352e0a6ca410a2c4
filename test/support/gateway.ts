import { sign } from 'node:crypto'
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DynamoDBClient } from '@aws-sdk/client-dynamodb'
import { KMSClient } from '@aws-sdk/client-kms'
import { STSClient } from '@aws-sdk/client-sts'
import type { FastifyInstance } from 'fastify'
import { deployment as input } from '../../config/deployment.ts'
import { publicNames } from '../../config/names.ts'
import { resolveDeployment } from '../../config/resolve.ts'
import { regionsOf } from '../../config/schema.ts'
import { openSpool, type Spool, type SpoolOptions } from '../../runtime/evidence/spool.ts'
import { type Stores, startStores } from '../../runtime/fabric/stores/region-stores.ts'
import type { Activation, ActivationStatus } from '../../runtime/gateway/activation.ts'
import { type ActivePolicy, activePolicyOf } from '../../runtime/gateway/active-policy.ts'
import { assemble } from '../../runtime/gateway/assembly.ts'
import { loadConfig } from '../../runtime/gateway/config.ts'
import type { Enforcer } from '../../runtime/gateway/enforcer.ts'
import { gatewayHealth } from '../../runtime/gateway/gateway-health.ts'
import type { LiveCandidate } from '../../runtime/gateway/revisions/candidate.ts'
import type { Dialer, DialRequest, DialResponse, ObjectArchive, Resolver, Signer } from '../../runtime/model/ports.ts'
import { builtWasm } from '../../runtime/policy/build.ts'
import { packBundle, verifyBundle } from '../../runtime/policy/bundle.ts'
import type { BundleData } from '../../runtime/policy/bundle-data.ts'
import { type Attester, buildDirectory, type Directory, signDirectory, verifyDirectory } from '../../runtime/policy/directory.ts'
import { bundleData, type Documents, loadDocuments, revisionOf } from '../../runtime/policy/documents.ts'
import { loadEvaluator } from '../../runtime/policy/evaluate.ts'
import { grantsFor } from '../../runtime/policy/grants.ts'
import { type PublicJwk, parseTrustRoot, type TrustRoot } from '../../runtime/policy/trust.ts'
import { bundleKey } from '../../runtime/state/pointers.ts'
import { table } from '../fabric/stores/support.ts'
import { tableEngine } from './dynamodb.ts'
import { type MemoryArchive, memoryArchive } from './memory-archive.ts'
import { TASK_ENVIRONMENT } from './task-environment.ts'
import { type TestKey, testKey, testToken } from './tokens.ts'

export const deployment = resolveDeployment(input)
export const names = publicNames(deployment)
export const documents: Documents = loadDocuments('demo')
const zones = Object.fromEntries(Object.entries(deployment.zones).map(([zone, { regions }]) => [zone, regions]))

/** What signs and is believed in one test world: the control plane's key and every region's token key. */
export interface TestTrust {
  control: TestKey
  regions: Record<string, TestKey>
  /** The key of the operators' OpenID provider. */
  operators: TestKey
  trust: TrustRoot
}

export async function testTrust(): Promise<TestTrust> {
  const control = await testKey()
  const regions: Record<string, TestKey> = {}
  for (const { region } of regionsOf(deployment)) regions[region] = await testKey()
  return { control, regions, operators: await testKey(), trust: parseTrustRoot({ keys: [{ ...control.publicJwk }] }) }
}

export function testSigner({ privateKey, publicJwk }: TestKey): Signer {
  return { keyId: publicJwk.kid, sign: async (message) => sign('sha256', message, { key: privateKey, dsaEncoding: 'ieee-p1363' }) }
}

export interface Issue {
  zone: string
  seq?: number
  nowMs?: number
  maxAgeMs?: number
  signer?: Signer
  /** Of a directory only. */
  attesters?: readonly Attester[]
  /** Default: the demo's. */
  documents?: Documents
  /** Of a bundle only. Default: the committed module. */
  wasm?: Uint8Array
  /** Of a bundle only. Default: what the documents give. */
  data?: BundleData
}

/** A signed bundle of the demo's documents for a zone, as a publisher makes it. */
export async function signedBundle(trust: TestTrust, issue: Issue) {
  const { zone, seq = 1, nowMs = Date.now(), maxAgeMs = 3_600_000, signer } = issue
  const { wasm = builtWasm(), documents: issued = documents, data = bundleData(issued, zone) } = issue
  const contents = {
    data,
    revision: revisionOf(wasm, issued),
    seq,
    zone,
    notBeforeMs: nowMs - 60_000,
    notAfterMs: nowMs + maxAgeMs,
  }
  return packBundle({ wasm, ...contents }, signer ?? testSigner(trust.control))
}

/** A signed directory of the demo's tenants for a zone, with every region as issuer. */
export async function signedDirectory(trust: TestTrust, issue: Issue) {
  const { zone, seq = 1, nowMs = Date.now(), maxAgeMs = 3_600_000, signer, attesters = [], documents: issued = documents } = issue
  const issuers = regionsOf(deployment).map(({ region, zone }) => ({
    iss: names.regionUrl(region),
    region,
    zone,
    keys: [trust.regions[region]?.publicJwk as PublicJwk],
  }))
  const tenants = issued.tenants.filter((tenant) => tenant.zone === zone || tenant.binding === 'none')
  const directory: Directory = buildDirectory({
    zone,
    seq,
    notBeforeMs: nowMs - 60_000,
    notAfterMs: nowMs + maxAgeMs,
    zones,
    tenants,
    issuers,
    attesters,
    grants: grantsFor(issued.agents, issued.tenants, zones, nowMs),
    clients: issued.clients,
  })
  return signDirectory(directory, signer ?? testSigner(trust.control))
}

export async function activePolicy(
  trust: TestTrust,
  zone: string,
  attesters: readonly Attester[] = [],
  issue: Partial<Issue> & { bundleBytes?: Uint8Array } = {},
): Promise<ActivePolicy> {
  const expected = { trust: trust.trust, zone, nowMs: Date.now(), minSeq: 0 }
  const { bundleBytes, ...changes } = issue
  const bundle = await verifyBundle(bundleBytes ?? (await signedBundle(trust, { zone, ...changes })), expected)
  const directory = verifyDirectory(await signedDirectory(trust, { zone, attesters }), expected)
  return activePolicyOf(bundle, directory, await loadEvaluator(bundle.wasm))
}

export interface TestGateway {
  enforcer: Enforcer
  app: FastifyInstance
  operator: FastifyInstance
  spool: Spool
  /** Every request that was forwarded to a tool. */
  dialled: DialRequest[]
  /** Swap or remove the policy in force. */
  active: ActivePolicy | undefined
  /** The same for what is loaded beside it. */
  candidate: LiveCandidate | undefined
  /** What the gateway asks its own region for. Closed: the region's tables and keys are away. */
  stores: Stores
  dynamodb: DynamoDBClient
  /** The region's bucket of bundles, with the one in force. */
  bundles: MemoryArchive
  /** The region's bucket of recorded inputs. */
  inputs: MemoryArchive
  /** Stores what was recorded, and works on one order of a replay. */
  replay(): Promise<void>
  /** The records written so far, oldest first. */
  records(): Promise<RecordLine[]>
  close(): Promise<void>
}

// biome-ignore lint/suspicious/noExplicitAny: records are inspected field by field in tests
export type RecordLine = Record<string, any>

export interface TestGatewayOptions {
  trust: TestTrust
  region: string
  zone: string
  resolver?: Resolver
  dialer?: Dialer
  spool?: Partial<SpoolOptions>
  maxInFlight?: number
  /** Default: the policy and the candidate that the test sets. */
  revisions?: Pick<Activation, 'current' | 'candidate' | 'status' | 'onChange'>
  /** Another bucket of recorded inputs than one in memory. */
  inputs?: ObjectArchive
}

/** As a gateway has it that has activated a policy and was never named a candidate. */
export function activationStatus(policy: ActivePolicy | undefined): ActivationStatus {
  const at = policy === undefined ? undefined : Date.now()
  return {
    stable: { policy, sizeBytes: undefined, fetchedAtMs: at, activatedAtMs: at, refusal: undefined },
    candidate: undefined,
    candidateFault: undefined,
    previousRevision: undefined,
    askedAtMs: at,
    answeredAtMs: at,
  }
}

const addresses = ['44.128.1.20']
const publicAddress: Resolver = { resolve: async () => addresses }
const TABLES = ['global', 'state', 'approvals', 'chains', 'slices', 'idempotency']
const { AEGIS_DATA_PROTECTION_ROLE: ROLE, AEGIS_OPERATOR_ISSUER: ISSUER, AEGIS_OPERATOR_AUDIENCE: OPERATORS } = TASK_ENVIRONMENT

/** A gateway of one region over the demo's documents: real stages, spool, tables and keys, and no port. */
export async function testGateway(options: TestGatewayOptions): Promise<TestGateway> {
  const { trust, region, zone, resolver = publicAddress, maxInFlight = 1000 } = options
  const clock = { now: () => Date.now(), monotonic: () => performance.now() }
  const directory = mkdtempSync(join(tmpdir(), 'aegis-gateway-'))
  const spool = await openSpool({ directory, log: 'log', ...options.spool })
  const stores = await startStores({
    region,
    tables: TABLES.map((name) => table(name)),
    ...tableEngine(),
    keysDir: join(directory, 'keys'),
    keys: ['alias/token', 'alias/approval', 'alias/data-protection'],
    roles: [{ arn: ROLE, needsSourceIdentity: true }],
    signers: { 'alias/data-protection': ROLE },
  })
  const dialled: DialRequest[] = []
  const echo: Dialer = {
    dial: async (request): Promise<DialResponse> => {
      if (request.url.origin === ISSUER) return jsonAnswer(operatorDocument(request.url, trust))
      if (request.url.pathname.startsWith('/.well-known/')) return { status: 503, headers: {}, body: new Uint8Array() }
      dialled.push(request)
      return { status: 200, headers: { 'content-type': 'application/json', 'x-internal': 'secret' }, body: Buffer.from('{"ok":true}') }
    },
    close: async () => {},
  }
  const bundleBytes = await signedBundle(trust, { zone })
  const [bundles, inputs] = [memoryArchive(), memoryArchive()]
  const gateway = {
    active: (await activePolicy(trust, zone, [], { bundleBytes })) as ActivePolicy | undefined,
    candidate: undefined as LiveCandidate | undefined,
  }
  await bundles.put(bundleKey(gateway.active?.bundleDigest ?? ''), bundleBytes)
  const policies = { current: () => gateway.active, regionalStateSeenAt: () => performance.now() }
  const revisions = options.revisions ?? {
    candidate: () => gateway.candidate,
    status: () => activationStatus(gateway.active),
    onChange: () => {},
  }
  const aws = { region, endpoint: stores.url, credentials: { accessKeyId: 'test', secretAccessKey: 'test' }, maxAttempts: 1 }
  const clients = { dynamodb: new DynamoDBClient(aws), kms: new KMSClient(aws), sts: new STSClient(aws) }
  const assembly = assemble(
    loadConfig({
      ...TASK_ENVIRONMENT,
      AEGIS_REGION: region,
      AEGIS_ZONE: zone,
      AEGIS_REGION_URL: names.regionUrl(region),
      AEGIS_ZONE_URL: names.zoneUrl(zone),
      AEGIS_MAX_IN_FLIGHT: String(maxInFlight),
    }),
    {
      ...clients,
      kmsAs: (credentials) => new KMSClient({ ...aws, credentials }),
      spool,
      bundles: { objects: bundles, trust: trust.trust, zone },
      inputs: options.inputs ?? inputs,
      resolver,
      dialer: options.dialer ?? echo,
      clock,
      active: options.revisions?.current ?? policies.current,
      revisions,
      identity: { log: 'log', region, zone, version: '0.0.0' },
      log: () => {},
    },
    (known) => gatewayHealth({ policies, spool, clock, warnAgeMs: 1000, ...known }),
  )
  await assembly.settle()
  const stop = assembly.start()
  const { app, operator, enforcer } = assembly
  return Object.assign(gateway, {
    enforcer,
    app,
    operator,
    spool,
    dialled,
    stores,
    dynamodb: clients.dynamodb,
    bundles,
    inputs,
    replay: assembly.replay,
    async records() {
      if (spool.nextSeq > 0) await spool.synced(spool.nextSeq - 1)
      const file = readdirSync(directory).find((name) => name.endsWith('.jsonl')) ?? ''
      return readFileSync(join(directory, file), 'utf8')
        .split('\n')
        .slice(0, -1)
        .map((line) => JSON.parse(line) as RecordLine)
    },
    async close() {
      await Promise.all([app.close(), operator.close()])
      await stop()
      for (const client of Object.values(clients)) client.destroy()
      await stores.close()
      await spool.close()
      rmSync(directory, { recursive: true, force: true })
    },
  })
}

const jsonAnswer = (value: object) => ({
  status: 200,
  headers: { 'content-type': 'application/json' },
  body: Buffer.from(JSON.stringify(value)),
})

/** What the operators' OpenID provider serves. */
function operatorDocument({ pathname }: URL, { operators }: TestTrust): object {
  if (pathname === '/jwks') return { keys: [{ ...operators.publicJwk, alg: 'ES256', use: 'sig' }] }
  return { issuer: ISSUER, jwks_uri: `${ISSUER}/jwks` }
}

/** A token of a person who operates. */
export function operatorToken({ operators }: TestTrust, claims: { sub: string; tenants: string[]; roles: string[] }): Promise<string> {
  return testToken(operators, { iss: ISSUER, aud: OPERATORS, jti: undefined, ...claims }, { typ: 'JWT' })
}

/** A token of a demo agent, issued by its tenant's home region, or by `region`. */
export async function agentToken(
  trust: TestTrust,
  agentId: string,
  tenantId: string,
  region?: string,
  claims: Record<string, unknown> = {},
): Promise<string> {
  const tenant = documents.tenants.find(({ id }) => id === tenantId)
  if (tenant === undefined) throw new Error(`no tenant ${tenantId}`)
  const issuer = region ?? tenant.homeRegion ?? 'us-east-1'
  const aud = tenant.binding === 'none' ? names.globalUrl : names.zoneUrl(tenant.zone)
  return testToken(trust.regions[issuer] as TestKey, {
    iss: names.regionUrl(issuer),
    aud,
    agent_id: agentId,
    tenant: tenantId,
    zone: tenant.zone,
    ...claims,
  })
}
