import { z } from 'zod'
import { decide } from '../approve.ts'
import { orRefused } from '../operator-client.ts'
import type { Approver } from '../operator-words.ts'
import { collectOverride, regionOfApproval } from '../override.ts'
import type { DemoFlow, Made, Walk } from './row.ts'
import { ALLOW, LARGE_PAYMENT, pay } from './table.ts'

const OVER_LIMIT = { status: 200, decision: 'approval_needed', enforced: 'approval_needed', reason: 'amount_over_limit' }
export const USED_UP = { status: 200, decision: 'deny', enforced: 'deny', reason: 'approval_invalid' }

/** Row 2: a payment over the limit, approved by a person, made once, and only where it was asked for. */
export const approvedPayment: DemoFlow = {
  row: 2,
  what: 'a payment over the limit',
  agents: ['finance-agent'],
  regions: ['eu-west-1', 'eu-central-1'],
  async walk(walk) {
    // A memo of its own: the same payment of an earlier walk may still wait for its approver.
    const payment = { row: 2, ...pay, args: LARGE_PAYMENT.replace('invoice 114', `invoice ${walk.mark}`) }
    const here = { region: 'eu-west-1' }
    const asked = await walk.call({ ...payment, what: 'a payment over the limit', entrance: here, expected: OVER_LIMIT })
    const token = await approvedToken(walk, asked, { as: 'approver', agent: pay.agent })
    const elsewhere = { region: 'eu-central-1' }
    await walk.call({
      ...payment,
      what: 'its override token in another region',
      entrance: elsewhere,
      approval: token,
      expected: { status: 409, error: 'held_elsewhere' },
    })
    await walk.call({ ...payment, what: 'its override token', entrance: here, approval: token, expected: ALLOW })
    await walk.call({ ...payment, what: 'its override token once more', entrance: here, approval: token, expected: USED_UP })
  },
}

const paused = z.object({ approval: z.object({ id: z.string() }) })
const decided = z.object({ status: z.string() })

/**
 * A person approves what a call was paused for, and the agent collects the override token.
 * @throws Error when the call was not paused, or either is refused
 */
export async function approvedToken(
  walk: Walk,
  { body, step }: Made,
  { as, agent, attested = {} }: { as: Approver; agent: string; attested?: object },
): Promise<string> {
  const { fabric } = walk
  const { id } = paused.parse(body).approval
  const region = regionOfApproval(id)
  const { reply } = await decide(fabric, { id, region, as, verb: 'approve', body: attested })
  const got = decided.safeParse(orRefused(reply, `approving ${id}`)).data?.status ?? 'no status'
  walk.note({ row: step.row, what: `a person decides (${as})`, agent, expected: 'approved', got, ok: got === 'approved', where: region })
  return await collectOverride(fabric, { id, region, token: fabric.demo_tokens[agent] ?? '' })
}
