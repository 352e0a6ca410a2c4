import { deployment as input } from '../../config/deployment.ts'
import { publicNames } from '../../config/names.ts'
import { resolveDeployment } from '../../config/resolve.ts'
import { regionsOf } from '../../config/schema.ts'
import { requestOf } from './call.ts'
import { describeExpected, judge } from './demo-judge.ts'
import { canRun, type DemoCall, type DemoPlace, demoCalls, NOT_IN_THIS_VERSION } from './demo-table.ts'
import { EXIT, type ExitCode } from './exit-codes.ts'
import { callGateway, findFabric, type RunningFabric } from './fabric-client.ts'
import { table } from './overview.ts'

type Out = (line: string) => void

/** One call, made and compared. */
export interface MadeCall {
  row: number
  what: string
  agent: string
  expected: string
  got: string
  ok: boolean
  where: string
}

/** `aegis demo`: makes the calls of the demo table and compares. @returns failed when one is answered otherwise than promised */
export async function demo({ stateDir, withFaults }: { stateDir: string; withFaults: boolean }, out: Out): Promise<ExitCode> {
  const fabric = findFabric(stateDir)
  const deployment = resolveDeployment(input)
  const place: DemoPlace = {
    regions: fabric.regions,
    zones: Object.keys(deployment.zones).filter((zone) => fabric.wan[zone] !== undefined),
    globalUrl: publicNames(deployment).globalUrl,
  }
  const zones = new Map(regionsOf(deployment).map(({ region, zone }) => [region, zone]))
  const calls = demoCalls(place)
  const possible = calls.filter((call) => canRun(call, place, Object.keys(fabric.demo_tokens)))
  const faulty = possible.filter(({ during }) => during !== undefined)
  const made: MadeCall[] = []
  for (const call of possible.filter(({ during }) => during === undefined)) made.push(await makeCall(fabric, call, zones))
  if (withFaults) made.push(...(await underFaults(fabric, faulty, zones, out)))

  for (const line of table([['row', 'call', 'agent', 'expected', 'got', 'ok', 'where'], ...merged(made)], '')) out(line)
  const failed = made.filter(({ ok }) => !ok).length
  out('')
  out(`${made.length - failed} of ${made.length} calls were answered as promised.`)
  if (!withFaults)
    for (const { row, what, during } of faulty) out(`Row ${row} was not called (${what}, ${during}): it needs --with-faults.`)
  const impossible = calls.length - possible.length
  if (impossible > 0) out(`${impossible} calls need regions or agents that do not run here, and were not made.`)
  for (const [row, what] of Object.entries(NOT_IN_THIS_VERSION)) out(`Row ${row} is not in this version: ${what}.`)
  return failed === 0 ? EXIT.held : EXIT.failed
}

/** Calls that differ only in where they were made share a line. */
export function merged(made: readonly MadeCall[]): string[][] {
  const lines = Map.groupBy(made, ({ where: _, ...same }) => JSON.stringify(same))
  return [...lines.values()]
    .flatMap((same) => (same[0] === undefined ? [] : [{ ...same[0], where: same.map(({ where }) => where).join(', ') }]))
    .sort((one, other) => one.row - other.row)
    .map(({ row, what, agent, expected, got, ok, where }) => [String(row), what, agent, expected, got, ok ? 'ok' : 'NO', where])
}

async function makeCall(fabric: RunningFabric, call: DemoCall, zones: ReadonlyMap<string, string>): Promise<MadeCall> {
  const { row, what, agent, tool, action, args, entrance } = call
  const { path, body } = requestOf({ action: `${tool}.${action}`, json: args })
  const { got, ok, region } = await tokenOf(fabric, call)
    .then((token) => callGateway(fabric, { entrance, path, token, body }))
    .then((answer) => judge(answer, call.expected, (answering) => zones.get(answering)))
    .catch((error: Error) => ({ got: `no answer: ${error.message}`, ok: false, region: undefined }))
  return { row, what, agent, expected: describeExpected(call.expected), got, ok, where: whereOf(call, region) }
}

async function tokenOf(fabric: RunningFabric, { agent, token }: DemoCall): Promise<string> {
  if (token === undefined) return fabric.demo_tokens[agent] ?? ''
  const { issuerRegion: issuer_region, aud } = token
  return ((await fabric.control('POST', '/tokens', { agent, issuer_region, aud })) as { token: string }).token
}

function whereOf({ entrance }: DemoCall, answeredBy: string | undefined): string {
  if ('region' in entrance) return entrance.region
  const from = entrance.from === undefined ? '' : ` from ${entrance.from}`
  return `${entrance.via}${from}${answeredBy === undefined ? '' : ` -> ${answeredBy}`}`
}

/** The fabric brings back by itself what a demo that died has taken away. */
const RESTORE_AFTER_MS = 120_000

async function underFaults(
  fabric: RunningFabric,
  calls: readonly DemoCall[],
  zones: ReadonlyMap<string, string>,
  out: Out,
): Promise<MadeCall[]> {
  const lost = ['control-plane', ...fabric.regions.filter(({ zone }) => zone === 'eu').map(({ region }) => region)]
  if (calls.length === 0) return []
  out(`taking away ${lost.join(', ')} ...`)
  const killed: string[] = []
  try {
    for (const region of lost) {
      await fabric.control('POST', '/faults/kill', { region, restore_after_ms: RESTORE_AFTER_MS })
      killed.push(region)
    }
    const made: MadeCall[] = []
    for (const call of calls) made.push(await makeCall(fabric, call, zones))
    return made
  } finally {
    out('bringing them back ...')
    // The regions first: a control plane finds its next number in their pointers.
    for (const region of killed.reverse()) await fabric.control('POST', '/faults/restore', { region })
    await untilHealthy(fabric)
  }
}

const HEALTHY_WITHIN_MS = 60_000
const POLL_MS = 200

/** Until DNS sees what is back, the next walk through the table would still meet the loss. */
async function untilHealthy(fabric: RunningFabric): Promise<void> {
  const giveUpAt = performance.now() + HEALTHY_WITHIN_MS
  const running = new Set(fabric.regions.map(({ region }) => region))
  while (performance.now() < giveUpAt) {
    const { checks } = (await fabric.control('GET', '/health')) as { checks: { region: string; state: string }[] }
    if (checks.every(({ region, state }) => state === 'healthy' || !running.has(region))) return
    await new Promise((resolve) => setTimeout(resolve, POLL_MS))
  }
}
