import { z } from 'zod'
import type { DemoFlow, Made } from './row.ts'
import { ALLOW, PAYMENT, pay } from './table.ts'

/** Row 19: the same call under one key is one call; another call under it is refused. */
export const keyedPayment: DemoFlow = {
  row: 19,
  what: 'a payment with an idempotency key',
  agents: [pay.agent],
  regions: ['eu-west-1'],
  async walk(walk) {
    const entrance = { region: 'eu-west-1' }
    const keyed = { row: 19, ...pay, args: PAYMENT, entrance, key: `demo-${walk.mark}` }
    const first = await walk.call({ ...keyed, what: 'a payment with a key', expected: ALLOW })
    const second = await walk.call({ ...keyed, what: 'the same again', expected: ALLOW })
    const same = idOf(first) !== undefined && idOf(first) === idOf(second)
    walk.note({
      row: 19,
      what: 'the two are one',
      agent: pay.agent,
      expected: 'one decision_id',
      got: same ? 'one decision_id' : 'two decisions',
      ok: same,
      where: entrance.region,
    })
    await walk.call({
      ...keyed,
      what: 'another amount under that key',
      args: PAYMENT.replace('420000', '1'),
      expected: { status: 409, error: 'idempotency_conflict' },
    })
  },
}

const identified = z.object({ decision_id: z.string() })
const idOf = ({ body }: Made) => identified.safeParse(body).data?.decision_id
