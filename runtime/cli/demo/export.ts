import { z } from 'zod'
import { approvedToken, USED_UP } from './approval.ts'
import { HEALTH_RECORD } from './leaks.ts'
import type { DemoFlow, Walk } from './row.ts'

/** Row 10: a health record leaves the zone once, with a data protection officer's word. */
export const approvedExport: DemoFlow = {
  row: 10,
  what: 'a health record sent abroad',
  agents: ['care-agent'],
  regions: ['eu-west-1', 'us-east-1'],
  async walk(walk) {
    const agent = 'care-agent'
    const mail = { to: 'clinic@partner.example', subject: `Transfer ${walk.mark}`, body: HEALTH_RECORD }
    const sending = {
      row: 10,
      agent,
      tool: 'email',
      action: 'send',
      args: JSON.stringify(mail),
      entrance: { region: 'eu-west-1' },
      // Through the door that executes: what a decision says is not yet what is sent.
      toolDoor: true,
    }
    const asked = await walk.call({
      ...sending,
      what: 'a health record sent abroad',
      expected: { status: 403, decision: 'approval_needed', enforced: 'approval_needed', reason: 'residency_export' },
    })
    await deliveries(walk, 'nothing is sent yet', 0)
    const attested = { legal_basis: 'GDPR Art. 49(1)(a), explicit consent', record_limit: 10 }
    const approval = await approvedToken(walk, asked, { as: 'dpo', agent, attested })
    const sent = await walk.make({ ...sending, what: 'its override token', approval, expected: { status: 200 } })
    // The tool answers in the verdict's place.
    const ok = sent.status === 200 && z.object({ queued: z.literal(true) }).safeParse(sent.body).success
    walk.note({ ...sent.step, expected: "the tool's answer", got: ok ? "the tool's answer" : sent.step.got, ok })
    await walk.call({ ...sending, what: 'its override token once more', approval, expected: { ...USED_UP, status: 403 } })
    await deliveries(walk, 'sent once', 1)
  },
}

const received = z.object({ received: z.array(z.object({ region: z.string(), body: z.string() })) })

/** Compares with what the tool's server itself was sent, wherever it stands. */
async function deliveries({ fabric, mark, note }: Walk, what: string, wanted: number): Promise<void> {
  const all = received.parse(await fabric.control('GET', '/received?tool=email')).received
  const ours = all.filter(({ body }) => body.includes(mark))
  const where = ours.map(({ region }) => region).join(', ')
  const said = (count: number) => `${count} ${count === 1 ? 'delivery' : 'deliveries'}`
  note({ row: 10, what, agent: 'care-agent', expected: said(wanted), got: said(ours.length), ok: ours.length === wanted, where })
}
