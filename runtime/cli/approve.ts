import { z } from 'zod'
import { CommandError, EXIT, type ExitCode } from './exit-codes.ts'
import { findFabric, type RunningFabric } from './fabric-client.ts'
import { askOperator, orRefused, type Reply } from './operator-client.ts'
import type { Approver } from './operator-words.ts'
import { regionOfApproval } from './override.ts'

export interface ApproveOptions {
  stateDir: string
  id: string
  as: Approver
  reject: boolean
  /** Both or none: what a data protection officer gives with the approval of an export. */
  legalBasis?: string | undefined
  recordLimit?: number | undefined
  reason?: string | undefined
}

/** `aegis approve`: a person's answer to one paused call. @returns failed when the region refuses it */
export async function approve(options: ApproveOptions, out: (line: string) => void): Promise<ExitCode> {
  const { id, as, reject, legalBasis, recordLimit, reason } = options
  const region = regionOfApproval(id)
  if ((legalBasis === undefined) !== (recordLimit === undefined))
    throw new CommandError('--legal-basis and --record-limit belong together: an export needs both')
  if (reject && legalBasis !== undefined) throw new CommandError('--legal-basis is for approving, not for rejecting')
  const fabric = findFabric(options.stateDir)
  const body = {
    ...(reason !== undefined && { reason }),
    ...(legalBasis !== undefined && { legal_basis: legalBasis, record_limit: recordLimit }),
  }
  const { tenant, reply } = await decide(fabric, { id, region, as, verb: reject ? 'reject' : 'approve', body })
  const status = statusOf(orRefused(reply, `${reject ? 'rejecting' : 'approving'} ${id}`))
  out(`${status ?? (reject ? 'rejected' : 'approved')}  ${id}  (${as} of ${tenant}, ${region})`)
  if (status === 'pending') out('another approver is needed: the same command with --as second')
  return EXIT.held
}

interface Decision {
  id: string
  region: string
  as: Approver
  verb: 'approve' | 'reject'
  body: object
}

/**
 * One tenant's approval is nothing (404) to the approvers of all others, so whose it is shows by asking.
 * @throws CommandError when it is nobody's
 */
export async function decide(fabric: RunningFabric, { id, region, as, verb, body }: Decision): Promise<{ tenant: string; reply: Reply }> {
  for (const [tenant, tokens] of Object.entries(fabric.approver_tokens)) {
    const path = `/v1/approvals/${encodeURIComponent(id)}/${verb}`
    const reply = await askOperator(fabric, region, { method: 'POST', path, token: tokens[as], body })
    if (reply.status !== 404) return { tenant, reply }
  }
  throw new CommandError(`no tenant has an approval ${id} in ${region}`, EXIT.failed)
}

function statusOf(fields: unknown): string | undefined {
  const found = z.object({ status: z.string() }).safeParse(fields)
  return found.success ? found.data.status : undefined
}
