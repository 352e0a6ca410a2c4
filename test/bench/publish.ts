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
  const running = await startChildFabric('--no-traffic')
  const rounds: Round[] = []
  try {
    // What a fabric that was just started has not done yet, it does by code that is not compiled: a while of load and two publications before.
    for (const limit of [NEW, OLD]) await oneRound(running.fabric, limit)
    for (let round = 0; round < options.rounds; round++) rounds.push(await oneRound(running.fabric, round % 2 === 0 ? NEW : OLD))
  } finally {
    await running.stop()
  }
  const table = render(rounds)
  console.log(table)
  if (options.write) replaceSection('docs/benchmarks.md', 'publish', table)
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

function render(rounds: readonly Round[]): string {
  const median = (of: (round: Round) => number) => rounds.map(of).sort((a, b) => a - b)[Math.floor(rounds.length / 2)] ?? Number.NaN
  const worst = (of: (round: Round) => number) => Math.max(...rounds.map(of))
  const seconds = (ms: number) => (ms / 1000).toFixed(1)
  const all = { before: p99(rounds.flatMap(({ before }) => before)), during: p99(rounds.flatMap(({ during }) => during)) }
  const calls = rounds.reduce((sum, { before, during }) => sum + before.length + during.length, 0)
  const failed = rounds.reduce((sum, one) => sum + one.failed, 0)
  const [cpu] = cpus()
  return [
    `Measured ${new Date().toISOString().slice(0, 10)} at commit ${commit()} on ${cpus().length} cores of ${cpu?.model.trim()}, Node ${process.version}, the whole fabric on them; ${rounds.length} publications under ${RATE} calls a second in each region of the zone.`,
    '',
    '| | all rounds together | median round | worst round |',
    '|---|---|---|---|',
    `| every region of the zone decides by the new limit after, s | | ${seconds(median((one) => one.reachedMs))} | ${seconds(worst((one) => one.reachedMs))} |`,
    `| rollout over in all regions after, s | | ${seconds(median((one) => one.endedMs))} | ${seconds(worst((one) => one.endedMs))} |`,
    `| P99 in the seconds before, ms | ${all.before.toFixed(1)} | ${median((one) => p99(one.before)).toFixed(1)} | ${worst((one) => p99(one.before)).toFixed(1)} |`,
    `| P99 from the first request of the publisher until a second after the end, ms | ${all.during.toFixed(1)} | ${median((one) => p99(one.during)).toFixed(1)} | ${worst((one) => p99(one.during)).toFixed(1)} |`,
    `| P99 during to before | ${(all.during / all.before).toFixed(2)} | ${median((one) => p99(one.during) / p99(one.before)).toFixed(2)} | ${worst((one) => p99(one.during) / p99(one.before)).toFixed(2)} |`,
    `| failed calls | ${failed} of ${calls} | | |`,
  ].join('\n')
}

const sleep = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms))
