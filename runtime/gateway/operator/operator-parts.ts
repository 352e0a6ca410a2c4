import type { FastifyInstance } from 'fastify'
import type { BudgetKeeper } from '../../budget/keeper.ts'
import type { EventLog } from '../../evidence/event.ts'
import { operates, operatorVerifier } from '../../identity/operator-token.ts'
import type { Clock } from '../../model/ports.ts'
import type { DecisionTelemetry } from '../../telemetry/telemetry.ts'
import type { ActivePolicy } from '../active-policy.ts'
import type { NoticeCounts } from '../approvals/notifier.ts'
import type { ApprovalReview } from '../approvals/review.ts'
import type { GatewayConfig } from '../config.ts'
import type { Explainer } from '../explain/explainer.ts'
import type { ToolWatch } from '../net/tool-watch.ts'
import type { Recorder } from '../recording/recorder.ts'
import type { Homes } from '../region/homes.ts'
import type { KillSwitches } from '../region/kill-switches.ts'
import { buildOperator } from './app.ts'
import { shownKills } from './kill-orders.ts'
import { shownPromotions } from './promotion-orders.ts'

export interface OperatorSurroundings {
  version: string
  review: ApprovalReview
  kills: KillSwitches
  homes: Homes
  budgets: Pick<BudgetKeeper, 'status'>
  watch: Pick<ToolWatch, 'status'>
  telemetry: Pick<DecisionTelemetry, 'softenedCounts'>
  events: EventLog
  fetchJson: (url: string) => Promise<unknown>
  active: () => ActivePolicy | undefined
  clock: Clock
  notices: () => Readonly<NoticeCounts>
  /** What this process has loaded. */
  revisions: () => object
  explainer: Explainer
  recorded: Recorder['counts']
}

/** The operators' listener of one gateway, and what its status says. */
export function operatorParts(config: GatewayConfig, around: OperatorSurroundings): FastifyInstance {
  const { kills, homes, budgets, watch, telemetry, active, clock, notices } = around
  const { region, zone, operatorIssuer, operatorAudience } = config
  const lifted = () => [...(active()?.lifted ?? [])]
  const tenantOfAgent = (agentId: string) => active()?.agents.get(agentId)?.tenant
  return buildOperator({
    region,
    version: around.version,
    review: around.review,
    kills,
    homes,
    explainer: around.explainer,
    verifier: operatorVerifier({ issuer: operatorIssuer, audience: operatorAudience, fetchJson: around.fetchJson, clock }),
    events: around.events,
    tenantOfAgent,
    lifted,
    status: async (operator) => {
      const policy = active()
      const sees = (tenant: string | undefined) => tenant !== undefined && operates(operator, tenant)
      return {
        region,
        zone,
        policy_version: policy?.revision ?? null,
        revisions: around.revisions(),
        kills: shownKills(operator, { kills, tenantOfAgent, lifted }),
        homes: [...(policy?.tenants.values() ?? [])]
          .filter((tenant) => tenant.binding === 'region' && sees(tenant.id))
          .map((tenant) => ({ tenant: tenant.id, active_region: homes.activeRegion(tenant), serves: homes.mayServe(tenant).ok })),
        promotions: shownPromotions(operator, homes),
        budgets: budgets.status().filter(({ agent }) => sees(tenantOfAgent(agent))),
        tools: watch
          .status()
          .map(({ seenAtMs, ...tool }) => ({ ...tool, seen_at: seenAtMs === null ? null : new Date(seenAtMs).toISOString() })),
        // What shadow mode let pass, by tenant, tool, rule and code.
        softened: Object.fromEntries(Object.entries(telemetry.softenedCounts()).filter(([key]) => sees(key.split(' ', 1)[0]))),
        notices: notices(),
        // Decisions of this process: kept for replays and explaining, and dropped for want of room or of an answering bucket.
        recorded: around.recorded(),
      }
    },
  })
}
