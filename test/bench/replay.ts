import { cpus } from 'node:os'
import { keyOf } from '../../runtime/gateway/recording/sealed.ts'
import { replayObject } from '../../runtime/gateway/replay/replay-object.ts'
import type { JsonObject } from '../../runtime/model/call.ts'
import type { ObjectArchive } from '../../runtime/model/ports.ts'
import { readBundleData } from '../../runtime/policy/bundle-data.ts'
import { bundleData } from '../../runtime/policy/documents.ts'
import { candidateOf } from '../../runtime/policy/replay/candidate.ts'
import { s3ObjectStore } from '../../runtime/state/object-store.ts'
import { bundleKey } from '../../runtime/state/pointers.ts'
import { regionalSecret } from '../../runtime/state/region-secret.ts'
import { globalReplays, type ReplayResult } from '../../runtime/state/replays.ts'
import { changedBundle, policyIn } from '../support/changed-bundle.ts'
import { agentToken, documents, type TestGateway, type TestTrust, testGateway, testTrust } from '../support/gateway.ts'
import { testBucketAndKey } from '../support/stores.ts'
import type { BenchOptions } from './bench.ts'
import { commit, replaceSection } from './published.ts'

const DECISIONS = 100_000
const [region, zone] = ['eu-west-1', 'eu']

/** Decides calls, whose policy inputs are recorded in a bucket, and has them replayed by a candidate with a lower limit. */
export async function benchReplay({ write }: BenchOptions): Promise<void> {
  const cell = await testBucketAndKey('inputs', 'alias/bench')
  const trust = await testTrust()
  const gateway = await testGateway({ trust, region, zone, inputs: s3ObjectStore(cell.s3, 'inputs') })
  try {
    const recordingS = await record(gateway, trust)
    const objects = (await s3ObjectStore(cell.s3, 'inputs').list('inputs/')).length
    const runs = [await replay(gateway, trust), await replay(gateway, trust), await replay(gateway, trust)]
    const table = render(runs, { recordingS, objects, cpuUs: await cpuOfOne(gateway, s3ObjectStore(cell.s3, 'inputs')) })
    console.log(table)
    if (write) replaceSection('docs/benchmarks.md', 'replay', table)
  } finally {
    await gateway.close()
    await cell.close()
  }
}

/** @returns seconds */
async function record({ enforcer, replay: store }: TestGateway, trust: TestTrust): Promise<number> {
  const calls: { agent: string; tool: string; action: string; arguments: JsonObject }[] = [
    { agent: 'finance-agent', tool: 'stripe-payments', action: 'create_payment', arguments: { currency: 'eur', recipient: 'supplier-7' } },
    { agent: 'support-agent', tool: 'crm', action: 'read_contact', arguments: { id: 'c-1' } },
    { agent: 'trial-agent', tool: 'stripe-payments', action: 'create_payment', arguments: { currency: 'eur', recipient: 'supplier-9' } },
  ]
  const tokens = await Promise.all(calls.map(({ agent }) => agentToken(trust, agent, 'acme-eu')))
  const startMs = performance.now()
  for (let i = 0; i < DECISIONS; i++) {
    const { agent: _agent, arguments: args, ...call } = calls[i % calls.length] as (typeof calls)[number]
    const priced = 'id' in args ? args : { ...args, amount: 1 + ((i * 7919) % 450_000) }
    const arrival = enforcer.arrive('decision_api', {})
    await enforcer.admit(arrival, { authorization: `Bearer ${tokens[i % tokens.length]}`, method: 'POST', url: '/v1/decisions' })
    await enforcer.decide(arrival, { ...call, arguments: priced, door: 'decision_api', bytes: 200 })
    if (i % 50 === 0) await new Promise<void>((resolve) => setImmediate(resolve))
    // As fast as this no agents call, and the buffer would fill up.
    if (i % 10_000 === 0) await store()
  }
  await store()
  return (performance.now() - startMs) / 1000
}

interface Run {
  result: ReplayResult
  /** From the order to its answer. */
  seconds: number
}

let orders = 0
async function replay(gateway: TestGateway, trust: TestTrust): Promise<Run> {
  const edit: Parameters<typeof changedBundle>[1]['edit'] = (data) => {
    policyIn(data, 'finance-agent').tools['stripe-payments'].create_payment.amount.limits.eur.max = 400_000
  }
  const candidate = await changedBundle(trust, { zone, edit })
  await gateway.bundles.put(bundleKey(candidate.digest), candidate.bytes)
  const replays = globalReplays(gateway.dynamodb, 'global')
  const startMs = performance.now()
  const id = `bench-${orders++}`
  const { digest: bundleDigest, revision } = candidate
  await replays.order({ id, region, bundleDigest, revision, sinceMs: 0, limit: 10 * DECISIONS, orderedAtMs: Date.now() })
  for (;;) {
    await gateway.replay()
    const result = await replays.result(region, id)
    if (result === undefined) continue
    if (result.error !== null || result.replayed !== DECISIONS) throw new Error(`the replay went wrong: ${JSON.stringify(result)}`)
    return { result, seconds: (performance.now() - startMs) / 1000 }
  }
}

/** What one decision takes of a core, in microseconds, to be opened, read and judged: machines that are shared are slower than this. */
async function cpuOfOne({ active, dynamodb }: TestGateway, objects: ObjectArchive): Promise<number> {
  if (active === undefined) throw new Error('no policy is in force')
  const { agents, evaluator, zones } = active
  const { tools } = readBundleData(JSON.parse(JSON.stringify(bundleData(documents, zone))))
  const candidate = candidateOf({ agents, tools, zones, evaluator })
  const keys = [keyOf(await regionalSecret(dynamodb, 'state', 'recording')())]
  const names = await objects.list('inputs/')
  const before = process.cpuUsage()
  let replayed = 0
  for (const name of names.slice(0, 20)) {
    const stored = await objects.get(name)
    if (stored !== undefined) replayed += (await replayObject({ name, stored, limit: DECISIONS }, candidate, keys, 0)).replayed
  }
  const { user, system } = process.cpuUsage(before)
  return (user + system) / replayed
}

function render(runs: Run[], { recordingS, objects, cpuUs }: { recordingS: number; objects: number; cpuUs: number }): string {
  const [cpu] = cpus()
  const row = ({ result, seconds }: Run, at: number) =>
    `| ${at + 1} | ${seconds.toFixed(2)} | ${Math.round(DECISIONS / seconds)} | ${result.newApprovals} |`
  return [
    `Measured ${new Date().toISOString().slice(0, 10)} at commit ${commit()} on ${cpus().length} cores of ${cpu?.model.trim()}, Node ${process.version}; ${DECISIONS} decisions in ${objects} sealed objects, decided and recorded in ${recordingS.toFixed(0)} s.`,
    '',
    '| run | seconds | decisions/s | would need an approval |',
    '|---|---|---|---|',
    ...runs.map(row),
    '',
    `One decision takes ${cpuUs.toFixed(0)} us of a core: ${((DECISIONS * cpuUs) / 1e6).toFixed(1)} s of one core for all of them, the rest is start and waiting for a machine that others use.`,
  ].join('\n')
}
