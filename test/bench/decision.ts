import { type ChildProcess, fork, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { cpus } from 'node:os'
import { fileURLToPath } from 'node:url'
import autocannon from 'autocannon'
import { agentToken, deployment, testGateway, testTrust } from '../support/gateway.ts'
import type { BenchOptions } from './bench.ts'
import { commit, replaceSection } from './published.ts'

const CALL = {
  tool: 'stripe-payments',
  action: 'create_payment',
  arguments: { amount: 420000, currency: 'eur', recipient: 'supplier-7', memo: 'invoice 114' },
}

interface Round {
  rps: number
  p50Ms: number
  p99Ms: number
  cpuUs: number
  failed: number
}

/**
 * Decisions in process and over HTTP, beside a Fastify echo in the same run. Rounds of the two alternate, and ratios are
 * medians over pairs, because a shared machine changes from minute to minute.
 */
export async function benchDecision(options: BenchOptions): Promise<void> {
  const inProcess = await measureInProcess()
  const contenders = [await start('echo'), await start('gateway')] as const
  const rounds: { saturated: [Round, Round]; paced: [Round, Round] }[] = []
  try {
    for (const contender of contenders) await load(contender, { ...options, seconds: 2 }, {})
    for (let i = 0; i < options.rounds; i++) {
      const saturated: [Round, Round] = [await load(contenders[0], options, {}), await load(contenders[1], options, {})]
      const paced: [Round, Round] = [await load(contenders[0], options, PACED), await load(contenders[1], options, PACED)]
      rounds.push({ saturated, paced })
    }
  } finally {
    for (const { child } of contenders) child.disconnect()
  }
  const table = render(inProcess, rounds, options)
  console.log(table)
  if (options.write) replaceSection('docs/benchmarks.md', 'decision', table)
}

const CONNECTIONS = 32
/** Calls a second of the paced rounds: well below saturation, so that latency is that of a call and not of a queue. */
const PACED = { overallRate: 1500 }

interface Contender {
  name: string
  child: ChildProcess
  url: string
  token: string
}

async function start(name: 'echo' | 'gateway'): Promise<Contender> {
  const file = fileURLToPath(new URL('./decision-server.ts', import.meta.url))
  const child = fork(file, [name], { stdio: ['ignore', 'ignore', 'inherit', 'ipc'] })
  const [{ url, token }] = (await once(child, 'message')) as [{ url: string; token: string }]
  // Server and client on a core each, where the system can.
  if (pinned && child.pid !== undefined) spawnSync('taskset', ['-acp', '0', String(child.pid)])
  return { name, child, url, token }
}

const pinned = cpus().length > 1 && spawnSync('taskset', ['-acp', '1', String(process.pid)]).status === 0

async function load({ url, token, child }: Contender, { seconds }: BenchOptions, rate: { overallRate?: number }): Promise<Round> {
  const before = await cpuUs(child)
  const result = await autocannon({
    url: `${url}/v1/decisions`,
    method: 'POST',
    connections: CONNECTIONS,
    duration: seconds,
    headers: { 'content-type': 'application/json', authorization: `Bearer ${token}` },
    body: JSON.stringify(CALL),
    ...rate,
  })
  const calls = result['2xx']
  return {
    rps: calls / result.duration,
    p50Ms: result.latency.p50,
    p99Ms: result.latency.p99,
    cpuUs: ((await cpuUs(child)) - before) / calls,
    failed: result.non2xx + result.errors,
  }
}

async function cpuUs(child: ChildProcess): Promise<number> {
  child.send('cpu')
  const [{ cpu }] = (await once(child, 'message')) as [{ cpu: NodeJS.CpuUsage }]
  return cpu.user + cpu.system
}

/** The enforcer alone, one call after another: authentication from the cache, every stage, the record's hash; no HTTP, no waiting for the disk. */
async function measureInProcess() {
  const trust = await testTrust()
  const gateway = await testGateway({ trust, region: 'eu-west-1', zone: 'eu' })
  const { enforcer } = gateway
  const authorization = `Bearer ${await agentToken(trust, 'finance-agent', 'acme-eu')}`
  const once = async () => {
    const arrival = enforcer.arrive('decision_api', {})
    await enforcer.admit(arrival, { authorization, method: 'POST', url: '/v1/decisions' })
    return enforcer.decide(arrival, { ...CALL, door: 'decision_api', bytes: 200 })
  }
  // The spool writes between turns of the event loop: without one its buffer fills up.
  const turn = () => new Promise<void>((resolve) => setImmediate(resolve))
  for (let i = 0; i < 5000; i++) {
    await once()
    if (i % 100 === 0) await turn()
  }
  const took: number[] = []
  for (let i = 0; i < 20_000; i++) {
    const from = performance.now()
    await once()
    took.push((performance.now() - from) * 1000)
    if (i % 100 === 0) await turn()
  }
  await gateway.close()
  took.sort((a, b) => a - b)
  const at = (share: number) => took[Math.floor(took.length * share)] ?? 0
  return { p50Us: at(0.5), p99Us: at(0.99), p999Us: at(0.999) }
}

function render(
  inProcess: Awaited<ReturnType<typeof measureInProcess>>,
  rounds: { saturated: [Round, Round]; paced: [Round, Round] }[],
  options: BenchOptions,
): string {
  const row = (name: string, all: Round[]) =>
    `| ${name} | ${Math.round(median(all.map(({ rps }) => rps)))} | ${median(all.map(({ cpuUs }) => cpuUs)).toFixed(0)} | ${median(all.map(({ p50Ms }) => p50Ms)).toFixed(1)} | ${median(all.map(({ p99Ms }) => p99Ms)).toFixed(1)} | ${all.reduce((sum, { failed }) => sum + failed, 0)} |`
  const ratio = (pick: (round: Round) => number, kind: 'saturated' | 'paced') =>
    median(rounds.map((round) => pick(round[kind][1]) / pick(round[kind][0])))
  const [cpu] = cpus()
  return [
    `Measured ${new Date().toISOString().slice(0, 10)} at commit ${commit()} on ${cpus().length} cores of ${cpu?.model.trim()}, Node ${process.version}${pinned ? ', server and client pinned to a core each' : ''}; ${options.rounds} alternating rounds of ${options.seconds} s, ${CONNECTIONS} connections; environment ${deployment.environment}, call: row 1 of the demo table.`,
    '',
    '| over HTTP | calls/s | CPU us/call | P50 ms | P99 ms | failed |',
    '|---|---|---|---|---|---|',
    row(
      'Fastify echo, saturated',
      rounds.map(({ saturated }) => saturated[0]),
    ),
    row(
      'gateway, saturated',
      rounds.map(({ saturated }) => saturated[1]),
    ),
    row(
      `Fastify echo at ${PACED.overallRate}/s`,
      rounds.map(({ paced }) => paced[0]),
    ),
    row(
      `gateway at ${PACED.overallRate}/s`,
      rounds.map(({ paced }) => paced[1]),
    ),
    '',
    `Gateway to echo, median of pairs: **${ratio(({ rps }) => rps, 'saturated').toFixed(2)}** of its calls/s (floor 0.28), ${ratio(({ p99Ms }) => p99Ms, 'paced').toFixed(2)} times its P99 at ${PACED.overallRate}/s.`,
    `In process, without HTTP: P50 ${inProcess.p50Us.toFixed(0)} us, P99 ${inProcess.p99Us.toFixed(0)} us, P99.9 ${inProcess.p999Us.toFixed(0)} us.`,
  ].join('\n')
}

function median(values: number[]): number {
  const sorted = [...values].sort((a, b) => a - b)
  return sorted[Math.floor(sorted.length / 2)] ?? Number.NaN
}
