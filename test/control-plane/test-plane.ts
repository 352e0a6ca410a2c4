import { join } from 'node:path'
import { changeAnyVersion } from '../../runtime/control-plane/directory/desk.ts'
import { tenantsOf } from '../../runtime/control-plane/directory/state.ts'
import { createPlane, type Plane, type PlaneOptions } from '../../runtime/control-plane/plane.ts'
import { createRegistration, type Registration } from '../../runtime/control-plane/registration.ts'
import { POLICIES_DIR } from '../../runtime/policy/build.ts'
import { compilePolicy } from '../../runtime/policy/compiler.ts'
import { knownBuilt } from '../../runtime/policy/modules.ts'
import { type Sources, sourcesIn } from '../../runtime/policy/sources.ts'
import { type TestKey, testKey, trustIn } from '../support/policy.ts'
import { type MemoryArchive, memoryArchive } from './memory-archive.ts'
import { type MemoryCell, memoryCell } from './memory-cell.ts'
import { settings } from './rollout/support.ts'

export const ZONES = { eu: ['eu-west-1', 'eu-central-1'], us: ['us-east-1'], apac: ['ap-southeast-1'] }
export const HOUR_MS = 3_600_000
export const MAX_AGE_MS = 72 * HOUR_MS
export const OVERLAP_MS = 65 * 60_000

const DEMO = join(POLICIES_DIR, '../demo')
export const demoSources = (): Sources => sourcesIn({ documentsDir: DEMO, policiesDir: POLICIES_DIR })
/** The demo with the limit of finance-agent at another amount. */
export function sourcesWithLimit(amount: number): Sources {
  const path = 'documents/agents/finance-agent.yaml'
  const sources = demoSources()
  return new Map([...sources, [path, (sources.get(path) ?? '').replace('value: 500000', `value: ${amount}`)]])
}

/** A control plane over regions in memory, at a clock that a test moves. */
export interface TestPlane {
  nowMs: number
  cells: MemoryCell[]
  store: MemoryArchive
  signing: TestKey
  trust: ReturnType<typeof trustIn>
  kmsAway: boolean
  plane: Plane
  registration: Registration
  log: Record<string, unknown>[]
  cell(region: string): MemoryCell
  /** Another process over the same store and regions, or with `empty` over a store that was lost. */
  rebuilt(options?: { empty?: boolean }): Promise<void>
  /** Registers sources. @returns the revision */
  register(sources: Sources, author?: string): Promise<string>
  /** Registers and starts to publish. @returns the revision */
  publish(sources: Sources, more?: Partial<Parameters<Plane['publishing']['publish']>[0]>): Promise<string>
  /** Rounds of everything, each this much later, until the rollout ends. */
  untilEnd(stepMs?: number): Promise<void>
}

/** @param beside over its store, regions and key: another process of the same control plane */
export async function testPlane(more: Partial<PlaneOptions> = {}, beside?: TestPlane): Promise<TestPlane> {
  const signing = beside?.signing ?? testKey('control')
  const test: TestPlane = {
    nowMs: Date.UTC(2026, 0, 1),
    cells: beside?.cells ?? [
      memoryCell('eu-west-1', 'eu', testKey('token-west').jwk),
      memoryCell('eu-central-1', 'eu', testKey('token-central').jwk),
      memoryCell('us-east-1', 'us', testKey('token-us').jwk),
    ],
    store: beside?.store ?? memoryArchive(),
    signing,
    trust: trustIn(signing),
    kmsAway: false,
    plane: undefined as never,
    registration: undefined as never,
    log: [],
    cell: (region) => test.cells.find((one) => one.region === region) as MemoryCell,
    async rebuilt({ empty = false } = {}) {
      if (empty) test.store = memoryArchive()
      test.plane = createPlane({ ...optionsOf(test), ...more })
      test.registration = registrationOf(test)
      await test.plane.open()
      if (empty) await importTenants(test)
      await test.plane.settle()
    },
    register: async (sources, author = 'ana') =>
      (await test.registration.register({ files: Object.fromEntries(sources), author, reason: 'for the test', commit: null })).record
        .revision,
    async publish(sources, options = {}) {
      const revision = await test.register(sources)
      const none = { replay: undefined, shadowS: 0, maxNewDenyPercent: undefined, expects: undefined }
      await test.plane.publishing.publish({ revision, publisher: 'ben', reason: 'for the test', ...none, ...options })
      await test.plane.settle()
      return revision
    },
    async untilEnd(stepMs = 300) {
      for (let rounds = 0; test.plane.kernel.state().rollout !== null; rounds++) {
        if (rounds > 200) throw new Error('the rollout does not end')
        test.nowMs += stepMs
        await test.plane.settle()
      }
    },
  }
  test.plane = createPlane({ ...optionsOf(test), ...more })
  test.registration = registrationOf(test)
  await test.plane.open()
  if (beside === undefined) await importTenants(test)
  return test
}

async function importTenants({ plane }: TestPlane): Promise<void> {
  const { readFileSync } = await import('node:fs')
  const tenants = readFileSync(join(DEMO, 'tenants.yaml'), 'utf8')
  await changeAnyVersion(plane.directory, { change: { kind: 'import', tenants }, by: { iss: '', sub: 'startup' }, reason: 'for the test' })
}

function optionsOf(test: TestPlane): PlaneOptions {
  return {
    cells: test.cells,
    zones: ZONES,
    ring: 'stable',
    store: test.store,
    signer: {
      ...test.signing.signer,
      publicJwk: test.signing.jwk,
      sign: async (message) => {
        if (test.kmsAway) throw new Error('KMS is away')
        return test.signing.signer.sign(message)
      },
    },
    maxAgeMs: MAX_AGE_MS,
    renewEveryMs: MAX_AGE_MS / 12,
    keyOverlapMs: OVERLAP_MS,
    rollout: { ...settings, canarySharePercent: 10, maxNewDenyPercent: 1, canaryRegions: ['eu-west-1'] },
    twoPeople: false,
    clock: { now: () => test.nowMs, monotonic: () => test.nowMs },
    log: (event) => test.log.push(event as Record<string, unknown>),
  }
}

function registrationOf(test: TestPlane): Registration {
  const { plane } = test
  return createRegistration({
    kernel: plane.kernel,
    registry: plane.registry,
    clock: { now: () => test.nowMs, monotonic: () => test.nowMs },
    log: (event) => test.log.push(event as Record<string, unknown>),
    directory: async () => (await plane.directory.of(plane.kernel.state())).state,
    compile: (sources, directory) =>
      compilePolicy(sources, {
        tenants: tenantsOf(directory),
        clients: [],
        zones: ZONES,
        deployedHosts: undefined,
        knownModules: (digest) => knownBuilt(digest) ?? plane.registry.modules(digest),
        opa: async () => undefined,
      }),
  })
}
