import { randomInt } from 'node:crypto'
import { requestOf } from '../call.ts'
import { callGateway, freshToken, type RunningFabric } from '../fabric-client.ts'
import { describeExpected, judge } from './judge.ts'
import type { DemoCall, DemoFlow, DemoPlace, Made, Step, Walk } from './row.ts'

export interface Walking {
  fabric: RunningFabric
  place: DemoPlace
  zoneOf: (region: string) => string | undefined
  say: (line: string) => void
  patienceMs?: number
}

const PATIENCE_MS = 30_000

/** A walk through the table. `steps` grows as it goes. */
export function startWalk({ fabric, place, zoneOf, say, patienceMs = PATIENCE_MS }: Walking): Walk & { steps: readonly Step[] } {
  const steps: Step[] = []
  const make = (call: DemoCall) => makeCall(fabric, call, zoneOf)
  const note = (step: Step) => void steps.push(step)
  return {
    fabric,
    place,
    mark: markOf(),
    steps,
    patienceMs,
    make,
    async call(call) {
      const made = await make(call)
      note(made.step)
      return made
    },
    note,
    say,
  }
}

/** Walks one flow. One that throws has not held, and says so in a step of its own. */
export async function walkFlow(flow: DemoFlow, walk: Walk): Promise<void> {
  try {
    await flow.walk(walk)
  } catch (error) {
    const { row, what, agents } = flow
    const got = `ended early: ${(error as Error).message.split('\n')[0]}`
    walk.note({ row, what, agent: agents.join(', '), expected: 'all its steps', got, ok: false, where: '' })
  }
}

/** Letters only: digits would look like numbers of something to whoever searches for data. */
const LETTERS = 'bcdfghjklmnpqrstvwxz'
const markOf = () => Array.from({ length: 10 }, () => LETTERS[randomInt(LETTERS.length)]).join('')

async function makeCall(fabric: RunningFabric, call: DemoCall, zoneOf: Walking['zoneOf']): Promise<Made> {
  const { row, what, agent, tool, action, args, entrance, toolDoor, approval, key } = call
  const request = requestOf({ action: `${tool}.${action}`, json: args, toolDoor, approval, key })
  const startedAt = performance.now()
  const answer = await tokenOf(fabric, call)
    .then((token) => callGateway(fabric, { entrance, token, ...request }))
    .catch((error: Error) => error)
  const elapsedMs = performance.now() - startedAt
  const judged = answer instanceof Error ? { got: answer.message, ok: false, region: undefined } : judge(answer, call.expected, zoneOf)
  const { got, ok, region } = judged
  return {
    ok,
    status: answer instanceof Error ? 0 : answer.status,
    body: answer instanceof Error ? undefined : parsed(answer.text),
    elapsedMs,
    step: { row, what, agent, expected: describeExpected(call.expected), got, ok, where: whereOf(call, region) },
  }
}

async function tokenOf(fabric: RunningFabric, { agent, token, bearer }: DemoCall): Promise<string> {
  if (bearer !== undefined) return bearer
  if (token === undefined) return fabric.demo_tokens[agent] ?? ''
  return await freshToken(fabric, { agent, issuer_region: token.issuerRegion, aud: token.aud })
}

function whereOf({ entrance }: DemoCall, answeredBy: string | undefined): string {
  if ('region' in entrance) return entrance.region
  const from = entrance.from === undefined ? '' : ` from ${entrance.from}`
  return `${entrance.via}${from}${answeredBy === undefined ? '' : ` -> ${answeredBy}`}`
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}
