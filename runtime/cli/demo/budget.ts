import { z } from 'zod'
import { callGateway } from '../fabric-client.ts'
import { budgetsOf, type ShownBudget } from '../operator-status.ts'
import type { DemoCall, DemoFlow, Made, Walk } from './row.ts'
import { ALLOW } from './table.ts'

const AGENT = 'treasury-agent'
/** Of its document. */
const CAP = 2_000_000
const AMOUNT = 90_000
/** At once in each region, so that regions spend while they do not know of each other. */
const LANES = 3
const CALLS_MAX = 200
const REGIONS = ['eu-west-1', 'eu-central-1']

/** Row 13: two regions spend one budget at the same time, until it is used up. */
export const sharedBudget: DemoFlow = {
  row: 13,
  what: 'a budget spent in two regions at once',
  agents: [AGENT],
  regions: REGIONS,
  async walk(walk) {
    // State lasts: an earlier walk of the day, or the fabric's owner, may have spent some of it or all.
    const earlier = await spentSoFar(walk)
    const lanes = REGIONS.flatMap((region) => Array.from({ length: LANES }, () => region))
    const answers = (await Promise.all(lanes.map((region) => spendAll(walk, region)))).flat()
    const allowed = answers.filter(({ ok }) => ok).length * AMOUNT
    const ends = answers.filter(({ ok }) => !ok)
    const { spent: before, held } = earlier
    if (before + held > 0)
      walk.say(
        `Row 13: of ${CAP}, ${before} were spent earlier today and ${held} set aside${allowed === 0 ? ', so there was nothing left to allow' : ''}.`,
      )
    walk.note({
      row: 13,
      what: 'payments in two regions at once',
      agent: AGENT,
      expected: `at most ${CAP} allowed`,
      got: `${before} earlier + ${allowed} now`,
      ok: before + allowed <= CAP,
      where: REGIONS.join(', '),
    })
    for (const { step } of ends) walk.note(step)
  },
}

const refusedFor = { status: 200, decision: 'deny', enforced: 'deny', reason: 'budget_exhausted' }

/** Pays until refused. @returns every answer; the last one is noted as the deny that it has to be */
async function spendAll(walk: Walk, region: string): Promise<Made[]> {
  const args = JSON.stringify({ amount: AMOUNT, currency: 'eur', recipient: 'supplier-7', memo: `budget ${walk.mark}` })
  const payment: Omit<DemoCall, 'expected'> = {
    row: 13,
    what: 'past the budget',
    agent: AGENT,
    tool: 'stripe-payments',
    action: 'create_payment',
    args,
    entrance: { region },
  }
  const answers: Made[] = []
  while (answers.length < CALLS_MAX) {
    const made = await walk.make({ ...payment, expected: ALLOW })
    if (made.ok) {
      answers.push(made)
      // What nobody reports is only set aside, and no status would show it to the next walk.
      await report(walk, made, region)
      continue
    }
    const last = z.object({ reasons: z.array(z.object({ code: z.string() })) }).safeParse(made.body)
    const ok = last.success && last.data.reasons.some(({ code }) => code === refusedFor.reason)
    answers.push({ ...made, step: { ...made.step, expected: 'deny, budget_exhausted', ok } })
    break
  }
  return answers
}

/** Says that the payment was made, as a caller of the decision API has to. @throws Error when the region does not take it */
async function report({ fabric }: Walk, { body }: Made, region: string): Promise<void> {
  const path = `/v1/decisions/${z.object({ decision_id: z.string() }).parse(body).decision_id}/outcome`
  const token = fabric.demo_tokens[AGENT] ?? ''
  const { status } = await callGateway(fabric, { entrance: { region }, path, token, body: '{"status":"executed"}' })
  if (status !== 200) throw new Error(`reporting the outcome was answered with ${status}`)
}

/** What the regions say was spent of today's grants, and what processes hold: some of them may have ended with it. */
async function spentSoFar({ fabric }: Walk): Promise<{ spent: number; held: number }> {
  const parts = await Promise.all(REGIONS.map((region) => budgetsOf(fabric, region)))
  const today = new Date().toISOString().slice(0, 10)
  const ours = parts.flat().filter(({ agent, period }) => agent === AGENT && period === today)
  const sum = (amountOf: (budget: ShownBudget) => number) => ours.reduce((total, budget) => total + amountOf(budget), 0)
  return { spent: sum(({ spent }) => spent), held: sum(({ leased, stranded }) => leased + stranded) }
}
