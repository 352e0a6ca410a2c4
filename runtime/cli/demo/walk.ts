import { randomInt } from 'node:crypto'
import { z } from 'zod'
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
  const make = (call: DemoCall) => askAgain(call, () => makeCall(fabric, call, zoneOf), { patienceMs, say })
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

const notAtHome = z.object({ error: z.object({ code: z.literal('home_region_unavailable'), region: z.string() }) })
const PAUSE_MS = 200

/**
 * A home region that has not read its own state of late refuses before it reads a byte, whoever asks: any client asks it again, and so does
 * the demo, and tells. A region that names another one has answered.
 */
async function askAgain(call: DemoCall, make: () => Promise<Made>, { patienceMs, say }: Pick<Walk, 'patienceMs' | 'say'>): Promise<Made> {
  const { row, entrance } = call
  const startedAt = performance.now()
  for (let refusals = 0; ; refusals++) {
    const made = await make()
    const region = notAtHome.safeParse(made.body).data?.error.region
    const waits = !made.ok && 'region' in entrance && region === entrance.region && performance.now() - startedAt < patienceMs
    if (!waits) {
      if (refusals > 0)
        say(`Row ${row}: ${whereOf(call, undefined)} could not serve its own tenant ${refusals} times, and was asked again.`)
      return made
    }
    await new Promise((resolve) => setTimeout(resolve, PAUSE_MS))
  }
}

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
