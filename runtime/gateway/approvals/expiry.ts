import type { EventLog } from '../../evidence/event.ts'
import type { Clock } from '../../model/ports.ts'
import type { Approval } from '../../state/approval-item.ts'
import type { Approvals } from '../../state/approvals.ts'
import { statusAt } from './ruling.ts'

/**
 * Whoever sees first that an approval's time is over writes it down, once. That it is over holds without being written, so a table or log
 * that does not answer changes nothing.
 * @returns the approval with its status now
 */
export function expiryReflector({ approvals, events, clock }: { approvals: Approvals; events: EventLog; clock: Clock }) {
  return async (approval: Approval): Promise<Approval> => {
    const status = statusAt(approval, clock.now())
    if (status === approval.status) return approval
    try {
      if (await approvals.expire(approval, clock.now())) {
        const facts = { tool: approval.tool, action: approval.action, approvals: approval.approvers.length }
        await events.write({ kind: 'approval.expired', actor: 'aegis', tenant: approval.tenant, approvalId: approval.id, facts })
      }
    } catch {}
    return { ...approval, status }
  }
}
