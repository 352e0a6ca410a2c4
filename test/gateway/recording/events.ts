import type { Arrival } from '../../../runtime/gateway/arrival.ts'
import type { Ending } from '../../../runtime/gateway/journal.ts'
import type { Judged } from '../../../runtime/gateway/services.ts'
import type { JsonObject } from '../../../runtime/model/call.ts'

const tenantFacts = { id: 'acme-eu', zone: 'eu', home_region: 'eu-west-1', binding: 'zone', mode: 'enforce' }
const toolFacts = { name: 'pay', action: 'send', effect: 'write', zones: ['eu'], risk: 'high', drift: false }
const principal = { agentId: 'finance-agent', tenant: 'acme-eu' }

/** A judgement with as much around it as a recorder looks at. */
export function judgedOf(decisionId: string, args: JsonObject): Judged {
  return {
    decisionId,
    policy: {},
    enriched: {
      call: { tool: 'pay', action: 'send', arguments: args, door: 'decision_api' },
      principal,
      tenantFacts,
      toolFacts,
      agent: { budget: null, chain: [] },
      registered: { action: { policyReads: ['/amount'] } },
    },
    found: { data: { classes: [], findings: [], findings_total: 0 }, chain: null, budget: null, approval: null },
    judgement: { outcome: 'allow', reasons: [] },
  } as unknown as Judged
}

export function arrivalOf(decisionId: string): Arrival {
  const policy = { revision: 'rev-1', bundleDigest: 'd'.repeat(64) }
  return {
    decisionId,
    door: 'decision_api',
    startedMs: 0,
    call: { tool: 'pay', action: 'send' },
    admitted: { principal, policy },
  } as unknown as Arrival
}

export function ending(more: Partial<Ending> = {}): Ending {
  return {
    decision: 'allow',
    enforced: 'allow',
    mode: 'enforce',
    reasons: [],
    routeRegion: null,
    policyNs: 0,
    dataClasses: [],
    approvalId: null,
    chain: null,
    ...more,
  }
}
