import { deployment as input } from '../../config/deployment.ts'
import { publicNames } from '../../config/names.ts'
import { resolveDeployment } from '../../config/resolve.ts'
import { regionsOf } from '../../config/schema.ts'
import { callUnderFaults } from './demo/faults.ts'
import { DEMO_FLOWS } from './demo/flows.ts'
import type { DemoCall, DemoFlow, DemoPlace, Step } from './demo/row.ts'
import { demoCalls } from './demo/table.ts'
import { startWalk, walkFlow } from './demo/walk.ts'
import { EXIT, type ExitCode } from './exit-codes.ts'
import { findFabric } from './fabric-client.ts'
import { table } from './overview.ts'

type Out = (line: string) => void

/** `aegis demo`: walks the demo table and compares. @returns failed when something is answered otherwise than promised */
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
  const possible = calls.filter((call) => canCall(call, place, Object.keys(fabric.demo_tokens)))
  const flows = DEMO_FLOWS.filter((flow) => canWalk(flow, place, Object.keys(fabric.demo_tokens)))
  const faulty = possible.filter(({ during }) => during !== undefined)
  const walk = startWalk({ fabric, place, zoneOf: (region) => zones.get(region), say: out })
  for (const turn of inOrder(
    possible.filter(({ during }) => during === undefined),
    flows,
  )) {
    if ('walk' in turn) await walkFlow(turn, walk)
    else await walk.call(turn)
  }
  if (withFaults) await callUnderFaults(walk, faulty)

  const { steps } = walk
  out('')
  for (const line of table([['row', 'call', 'agent', 'expected', 'got', 'ok', 'where'], ...merged(steps)], '')) out(line)
  const failed = steps.filter(({ ok }) => !ok).length
  out('')
  out(`${steps.length - failed} of ${steps.length} steps were answered as promised.`)
  if (!withFaults)
    for (const { row, what, during } of faulty) out(`Row ${row} was not called (${what}, ${during}): it needs --with-faults.`)
  for (const line of notMade(
    calls.length - possible.length,
    DEMO_FLOWS.filter((flow) => !flows.includes(flow)),
  ))
    out(line)
  return failed === 0 && steps.length > 0 ? EXIT.held : EXIT.failed
}

/** Row by row, as the table has them. */
export function inOrder(calls: readonly DemoCall[], flows: readonly DemoFlow[]): (DemoCall | DemoFlow)[] {
  return [...calls, ...flows].sort((one, other) => one.row - other.row)
}

/** Steps that differ only in where they were made share a line. */
export function merged(steps: readonly Step[]): string[][] {
  const lines = Map.groupBy(steps, ({ where: _, ...same }) => JSON.stringify(same))
  return [...lines.values()]
    .flatMap((same) => (same[0] === undefined ? [] : [{ ...same[0], where: [...new Set(same.map(({ where }) => where))].join(', ') }]))
    .sort((one, other) => one.row - other.row)
    .map(({ row, what, agent, expected, got, ok, where }) => [String(row), what, agent, expected, got, ok ? 'ok' : 'NO', where])
}

/** Whether what the call needs is running here: with fewer regions some rows have nowhere to go. */
export function canCall({ entrance, token, agent }: DemoCall, place: DemoPlace, agents: readonly string[]): boolean {
  const needed = ['region' in entrance ? entrance.region : undefined, token?.issuerRegion].filter((region) => region !== undefined)
  return runs(place, needed) && agents.includes(agent)
}

export function canWalk(flow: DemoFlow, place: DemoPlace, agents: readonly string[]): boolean {
  return runs(place, flow.regions) && flow.agents.every((agent) => agents.includes(agent))
}

const runs = ({ regions }: DemoPlace, needed: readonly string[]) => needed.every((region) => regions.some((cell) => cell.region === region))

function notMade(calls: number, flows: readonly DemoFlow[]): string[] {
  const needs = 'regions or agents that do not run here'
  return [
    ...(calls === 0 ? [] : [`${calls} calls need ${needs}, and were not made.`]),
    ...flows.map(({ row, what }) => `Row ${row} was not walked (${what}): it needs ${needs}.`),
  ]
}
