import { cpus } from 'node:os'
import { Agent, request } from 'undici'
import { callGateway, type RunningFabric } from '../../runtime/cli/fabric-client.ts'
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
const BEFORE_MS = 4000
const AFTER_MS = 1000
const PROBE_MS = 25

interface Sample {
  atMs: number
  tookMs: number
  ok: boolean
}

interface Round {
  /** Until the last region of the zone decided by the new limit, from the first request of the publisher on. */
  reachedMs: number
  endedMs: number
  failed: number
  calls: number
  beforeP99Ms: number
  duringP99Ms: number
}

/** Publishes one limit and the other in turn, under a steady load, and compares the seconds before with those of the rollout. */
export async function benchPublish(options: BenchOptions): Promise<void> {
  const running = await startChildFabric('--no-traffic')
  const rounds: Round[] = []
  try {
    // The first warms up what a fabric that was just started has not done yet: before it, latency is that of cold code.
    await oneRound(running.fabric, NEW)
    for (let round = 0; round < options.rounds; round++) rounds.push(await oneRound(running.fabric, round % 2 === 0 ? OLD : NEW))
  } finally {
    await running.stop()
  }
  const table = render(rounds)
  console.log(table)
  if (options.write) replaceSection('docs/benchmarks.md', 'publish', table)
}

async function oneRound(fabric: RunningFabric, limit: number): Promise<Round> {
  await settled(fabric)
  const samples: Sample[] = []
  const loads = REGIONS.map((region) => load(fabric, region, samples))
  // Asked all the while, so that the seconds before carry the same calls as the rollout.
  const probes = REGIONS.map((region) => probe(fabric, region, limit === NEW ? 'allow' : 'approval_needed'))
  await sleep(BEFORE_MS)
  const fromMs = performance.now()
  const publishing = publishSources(fabric, sourcesWithLimit(limit)).then((revision) => rolloutEnd(fabric, revision))
  const reached = Promise.all(probes.map(({ firstMs }) => firstMs))
  const [ended] = await Promise.all([publishing, reached.then(() => undefined)])
  const reachedMs = (await reached).reduce((last, atMs) => Math.max(last, atMs), 0) - fromMs
  if (ended.state !== 'completed') throw new Error(`the rollout ended as ${ended.state}: ${ended.why}`)
  const endMs = performance.now()
  await sleep(AFTER_MS)
  for (const one of [...loads, ...probes]) one.stop()
  const during = samples.filter(({ atMs }) => atMs >= fromMs && atMs < endMs + AFTER_MS)
  // The first half second warms up connections.
  const before = samples.filter(({ atMs }) => atMs >= fromMs - BEFORE_MS + 500 && atMs < fromMs)
  return {
    reachedMs,
    endedMs: endMs - fromMs,
    failed: samples.filter(({ ok }) => !ok).length,
    calls: samples.length,
    beforeP99Ms: p99(before),
    duringP99Ms: p99(during),
  }
}

/** Open loop: a call starts each `1000 / RATE` ms whatever became of those before, so that a slow gateway cannot slow down its own measuring. */
function load(fabric: RunningFabric, region: string, samples: Sample[]) {
  const gateway = fabric.regions.find((cell) => cell.region === region)?.gateway
  const agent = new Agent({ connections: 16 })
  const body = JSON.stringify({
    tool: 'stripe-payments',
    action: 'create_payment',
    arguments: { amount: 420_000, currency: 'eur', recipient: 'supplier-7' },
  })
  const headers = { 'content-type': 'application/json', authorization: `Bearer ${fabric.demo_tokens['finance-agent']}` }
  const call = async () => {
    const atMs = performance.now()
    const ok = await request(`${gateway}/v1/decisions`, { method: 'POST', dispatcher: agent, headers, body }).then(
      async (answer) => {
        await answer.body.dump()
        return answer.statusCode === 200
      },
      () => false,
    )
    samples.push({ atMs, tookMs: ok ? performance.now() - atMs : Number.POSITIVE_INFINITY, ok })
  }
  const timer = setInterval(() => void call(), 1000 / RATE)
  return { stop: () => clearInterval(timer) }
}

/** Asks a region until it is stopped. `firstMs`: when it first answered so, on the monotonic clock. */
function probe(fabric: RunningFabric, region: string, decision: string): { firstMs: Promise<number>; stop(): void } {
  const body = JSON.stringify({
    tool: 'stripe-payments',
    action: 'create_payment',
    arguments: { amount: TELLING, currency: 'eur', recipient: 'supplier-7' },
  })
  let stopped = false
  const { promise: firstMs, resolve, reject } = Promise.withResolvers<number>()
  const ask = async () => {
    while (!stopped) {
      const token = fabric.demo_tokens['finance-agent'] ?? ''
      const { text } = await callGateway(fabric, { entrance: { region }, path: '/v1/decisions', token, body })
      if ((JSON.parse(text) as { decision?: string }).decision === decision) resolve(performance.now())
      await sleep(PROBE_MS)
    }
  }
  ask().catch(reject)
  return {
    firstMs,
    stop: () => {
      stopped = true
    },
  }
}

async function settled(fabric: RunningFabric): Promise<void> {
  while (!(await planeStatus(fabric)).converged) await sleep(100)
}

function p99(samples: readonly Sample[]): number {
  const sorted = samples.map(({ tookMs }) => tookMs).sort((a, b) => a - b)
  return sorted[Math.floor(sorted.length * 0.99)] ?? Number.NaN
}

function render(rounds: readonly Round[]): string {
  const median = (of: (round: Round) => number) => rounds.map(of).sort((a, b) => a - b)[Math.floor(rounds.length / 2)] ?? Number.NaN
  const worst = (of: (round: Round) => number) => Math.max(...rounds.map(of))
  const seconds = (ms: number) => (ms / 1000).toFixed(1)
  const [cpu] = cpus()
  return [
    `Measured ${new Date().toISOString().slice(0, 10)} at commit ${commit()} on ${cpus().length} cores of ${cpu?.model.trim()}, Node ${process.version}, the whole fabric on them; ${rounds.length} publications under ${RATE} calls a second in each region of the zone.`,
    '',
    '| | median | worst |',
    '|---|---|---|',
    `| every region of the zone decides by the new limit after, s | ${seconds(median((one) => one.reachedMs))} | ${seconds(worst((one) => one.reachedMs))} |`,
    `| rollout over in all regions after, s | ${seconds(median((one) => one.endedMs))} | ${seconds(worst((one) => one.endedMs))} |`,
    `| P99 before, ms | ${median((one) => one.beforeP99Ms).toFixed(1)} | ${worst((one) => one.beforeP99Ms).toFixed(1)} |`,
    `| P99 from the first request of the publisher until a second after the end, ms | ${median((one) => one.duringP99Ms).toFixed(1)} | ${worst((one) => one.duringP99Ms).toFixed(1)} |`,
    `| P99 during to before | ${median((one) => one.duringP99Ms / one.beforeP99Ms).toFixed(2)} | ${worst((one) => one.duringP99Ms / one.beforeP99Ms).toFixed(2)} |`,
    `| failed calls | ${median((one) => one.failed)} of ${median((one) => one.calls)} | ${worst((one) => one.failed)} |`,
  ].join('\n')
}

const sleep = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms))
