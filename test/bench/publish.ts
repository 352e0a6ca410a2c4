import { cpus } from 'node:os'
import { Agent, request } from 'undici'
import type { RunningFabric } from '../../runtime/cli/fabric-client.ts'
import { sourcesWithLimit } from '../control-plane/test-plane.ts'
import { startChildFabric } from '../fabric/enforcement/child-fabric.ts'
import { planeStatus, publishSources, rolloutEnd } from '../support/running-plane.ts'
import type { BenchOptions } from './bench.ts'
import { commit, replaceSection } from './published.ts'

// What a publication costs those who call meanwhile, and how long it takes until every region of the zone decides by it.

const REGIONS = ['eu-west-1', 'eu-central-1']
const [OLD, NEW] = [500_000, 800_000]
/** Allowed by the new limit alone. */
const TELLING = 700_000
/** Calls a second in each region: well below saturation on two cores, so that latency is that of a call and not of a queue. */
const RATE = 100
const BEFORE_MS = 7000
/** Connections and code that a pause let go cold are no part of the comparison. */
const WARM_UP_MS = 500
const AFTER_MS = 1000

interface Sample {
  atMs: number
  tookMs: number
  ok: boolean
}

/** When each revision first decided a call in a region, on the monotonic clock. */
type FirstSeen = Map<string, number>

interface Round {
  /** Until the last region of the zone decided by the new revision, from the first request of the publisher on. */
  reachedMs: number
  endedMs: number
  failed: number
  /** Milliseconds that each call took. */
  before: number[]
  during: number[]
}

/** Publishes one limit and the other in turn, under a steady load, and compares the seconds before with those of the rollout. */
export async function benchPublish(options: BenchOptions): Promise<void> {
  const whole = await roundsIn(options, [])
  // Half the processes on the same cores: nearer to a gateway that shares its machine with nobody.
  const zone = await roundsIn(options, ['--regions', REGIONS.join(',')])
  const table = render({ 'every region runs': whole, "only the zone's regions run": zone })
  console.log(table)
  if (options.write) replaceSection('docs/benchmarks.md', 'publish', table)
}

async function roundsIn({ rounds }: BenchOptions, up: readonly string[]): Promise<Round[]> {
  const running = await startChildFabric('--no-traffic', ...up)
  try {
    // What a fabric that was just started has not done yet, it does by code that is not compiled: a while of load and two publications before.
    for (const limit of [NEW, OLD]) await oneRound(running.fabric, limit)
    const done: Round[] = []
    for (let round = 0; round < rounds; round++) done.push(await oneRound(running.fabric, round % 2 === 0 ? NEW : OLD))
    return done
  } finally {
    await running.stop()
  }
}

async function oneRound(fabric: RunningFabric, limit: number): Promise<Round> {
  await settled(fabric)
  const loads = REGIONS.map((region) => load(fabric, region))
  await sleep(BEFORE_MS)
  const fromMs = performance.now()
  const revision = await publishSources(fabric, sourcesWithLimit(limit))
  const ended = await rolloutEnd(fabric, revision)
  if (ended.state !== 'completed') throw new Error(`the rollout ended as ${ended.state}: ${ended.why}`)
  const endMs = performance.now()
  await sleep(AFTER_MS)
  for (const one of loads) one.stop()
  await Promise.all(REGIONS.map((region) => decidesBy(fabric, region, limit)))
  const reached = loads.map(({ firstSeen }) => firstSeen.get(revision) ?? Number.NaN)
  const samples = loads.flatMap((one) => one.samples)
  const between = (from: number, to: number) => samples.filter(({ atMs }) => atMs >= from && atMs < to).map(({ tookMs }) => tookMs)
  return {
    reachedMs: Math.max(...reached) - fromMs,
    endedMs: endMs - fromMs,
    failed: samples.filter(({ ok }) => !ok).length,
    before: between(fromMs - BEFORE_MS + WARM_UP_MS, fromMs),
    during: between(fromMs, endMs + AFTER_MS),
  }
}

/**
 * Open loop: a call starts each `1000 / RATE` ms whatever became of those before, so that a slow gateway cannot slow down its own measuring.
 * Both limits allow the call: before, during and after it costs the same, and its answer says which revision decided.
 */
function load(fabric: RunningFabric, region: string) {
  const gateway = fabric.regions.find((cell) => cell.region === region)?.gateway
  const agent = new Agent({ connections: 16 })
  const samples: Sample[] = []
  const firstSeen: FirstSeen = new Map()
  const call = async () => {
    const atMs = performance.now()
    const version = await decide(`${gateway}`, fabric, 420_000, agent).then(
      ({ policy_version }) => policy_version,
      () => undefined,
    )
    const doneMs = performance.now()
    samples.push({ atMs, tookMs: version === undefined ? Number.POSITIVE_INFINITY : doneMs - atMs, ok: version !== undefined })
    if (version !== undefined && !firstSeen.has(version)) firstSeen.set(version, doneMs)
  }
  const timer = setInterval(() => void call(), 1000 / RATE)
  return { samples, firstSeen, stop: () => clearInterval(timer) }
}

/** @throws Error when the region does not decide by the limit that its answers name the revision of */
async function decidesBy(fabric: RunningFabric, region: string, limit: number): Promise<void> {
  const gateway = fabric.regions.find((cell) => cell.region === region)?.gateway
  const { decision } = await decide(`${gateway}`, fabric, TELLING)
  const expected = limit === NEW ? 'allow' : 'approval_needed'
  if (decision !== expected) throw new Error(`${region} answers ${decision} where the limit of ${limit} says ${expected}`)
}

/** @throws Error when it is no answer of 200 */
async function decide(
  gateway: string,
  fabric: RunningFabric,
  amount: number,
  dispatcher?: Agent,
): Promise<{ decision: string; policy_version: string }> {
  const body = JSON.stringify({
    tool: 'stripe-payments',
    action: 'create_payment',
    arguments: { amount, currency: 'eur', recipient: 'supplier-7' },
  })
  const headers = { 'content-type': 'application/json', authorization: `Bearer ${fabric.demo_tokens['finance-agent']}` }
  const answer = await request(`${gateway}/v1/decisions`, { method: 'POST', headers, body, ...(dispatcher && { dispatcher }) })
  const text = await answer.body.text()
  if (answer.statusCode !== 200) throw new Error(`${gateway}: ${answer.statusCode} ${text}`)
  return JSON.parse(text)
}

async function settled(fabric: RunningFabric): Promise<void> {
  while (!(await planeStatus(fabric)).converged) await sleep(100)
}

function p99(took: readonly number[]): number {
  const sorted = took.toSorted((a, b) => a - b)
  return sorted[Math.floor(sorted.length * 0.99)] ?? Number.NaN
}

function render(fabrics: Readonly<Record<string, readonly Round[]>>): string {
  const columns = Object.entries(fabrics).map(([name, rounds]) => ({ name, cells: cellsOf(rounds) }))
  const [cpu] = cpus()
  const rounds = Math.max(...Object.values(fabrics).map(({ length }) => length))
  return [
    `Measured ${new Date().toISOString().slice(0, 10)} at commit ${commit()} on ${cpus().length} cores of ${cpu?.model.trim()}, Node ${process.version}, the fabric and its callers on them; ${rounds} publications under ${RATE} calls a second in each region of the zone. Median and worst are of rounds.`,
    '',
    `| | ${columns.map(({ name }) => `${name}: median | worst`).join(' | ')} |`,
    `|---|${'---|---|'.repeat(columns.length)}`,
    ...ROWS.map((row, index) => `| ${row} | ${columns.map(({ cells }) => cells[index]?.join(' | ')).join(' | ')} |`),
  ].join('\n')
}

const ROWS = [
  'every region of the zone decides by the new limit after, s',
  'rollout over in all regions after, s',
  'P99 in the seconds before, ms',
  'P99 from the first request of the publisher until a second after the end, ms',
  'P99 during to before',
  'P99 during to before, calls of all rounds together',
  'failed calls',
]

/** A median and a worst for each of the rows. */
function cellsOf(rounds: readonly Round[]): [string, string][] {
  const both = (of: (round: Round) => number, digits: number): [string, string] => {
    const sorted = rounds.map(of).sort((a, b) => a - b)
    return [sorted[Math.floor(sorted.length / 2)], sorted.at(-1)].map((value = Number.NaN) => value.toFixed(digits)) as [string, string]
  }
  const calls = rounds.reduce((sum, { before, during }) => sum + before.length + during.length, 0)
  const failed = rounds.reduce((sum, one) => sum + one.failed, 0)
  return [
    both(({ reachedMs }) => reachedMs / 1000, 1),
    both(({ endedMs }) => endedMs / 1000, 1),
    both(({ before }) => p99(before), 1),
    both(({ during }) => p99(during), 1),
    both(({ before, during }) => p99(during) / p99(before), 2),
    [(p99(rounds.flatMap(({ during }) => during)) / p99(rounds.flatMap(({ before }) => before))).toFixed(2), ''],
    [`${failed} of ${calls}`, ''],
  ]
}

const sleep = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms))
