import { freshToken } from '../fabric-client.ts'
import type { DemoFlow } from './row.ts'
import { ALLOW, PATIENT } from './table.ts'

const AGENT = 'ward-agent'

/** Row 18: after a record was read, nothing of that session leaves the zone, however harmless it looks. */
export const taintedChain: DemoFlow = {
  row: 18,
  what: 'a mail after a record was read',
  agents: [AGENT],
  regions: ['eu-west-1', 'us-east-1'],
  async walk(walk) {
    const bearer = await freshToken(walk.fabric, { agent: AGENT })
    const common = { row: 18, agent: AGENT, entrance: { region: 'eu-west-1' }, bearer }
    await walk.call({ ...common, what: 'a record is read', tool: 'ehr', action: 'read_record', args: PATIENT, expected: ALLOW })
    await walk.call({
      ...common,
      what: 'then a harmless mail abroad',
      tool: 'email',
      action: 'send',
      args: JSON.stringify({ to: 'kitchen@partner.example', subject: 'Lunch', body: 'Soup or salad?' }),
      expected: { status: 200, decision: 'deny', enforced: 'deny', reason: 'chain_tainted' },
    })
  },
}
