import type { FastifyInstance, FastifyRequest } from 'fastify'
import { z } from 'zod'
import { line } from '../../identity/order-text.ts'
import { AegisError } from '../../model/codes.ts'
import { STATUSES } from '../../state/approval-item.ts'
import type { ApprovalReview } from '../approvals/review.ts'
import { operatorView } from '../approvals/view.ts'
import { parseOrder, requireRole } from './request.ts'

export const approveOrder = z
  .strictObject({
    reason: line(500).optional(),
    legal_basis: line(200).optional(),
    record_limit: z.int().min(1).optional(),
  })
  .refine(({ legal_basis, record_limit }) => (legal_basis === undefined) === (record_limit === undefined), {
    message: 'legal_basis and record_limit belong together',
  })

export const rejectOrder = z.strictObject({ reason: line(500).optional() })

const listQuery = z.strictObject({ status: z.enum(STATUSES).optional() })

/** What waits for people, and their word on it. Reading decides nothing, whatever is in the URL. */
export function approvalOrders(review: ApprovalReview, region: string) {
  return async (app: FastifyInstance) => {
    app.get('/v1/approvals', async (request) => {
      requireRole(request.operator, 'approver', 'dpo', 'viewer')
      const query = listQuery.safeParse(request.query)
      if (!query.success) throw new AegisError('malformed_call', `the query takes status, one of ${STATUSES.join(', ')}`)
      const { approvals, more } = await review.list(request.operator, query.data.status)
      return { region, approvals: approvals.map((approval) => operatorView(approval, region, { brief: true })), more }
    })

    app.get('/v1/approvals/:id', async (request) => {
      requireRole(request.operator, 'approver', 'dpo', 'viewer')
      return operatorView(await review.find(request.operator, idOf(request)), region)
    })

    app.post('/v1/approvals/:id/approve', async (request) => {
      const { reason = null, legal_basis: legalBasis, record_limit: recordLimit } = parseOrder(request.body, approveOrder)
      const terms = legalBasis === undefined || recordLimit === undefined ? undefined : { legalBasis, recordLimit }
      return operatorView(await review.approve(request.operator, idOf(request), { reason, terms }), region)
    })

    app.post('/v1/approvals/:id/reject', async (request) => {
      const { reason = null } = parseOrder(request.body, rejectOrder)
      return operatorView(await review.reject(request.operator, idOf(request), reason), region)
    })
  }
}

export function idOf({ params }: FastifyRequest): string {
  return typeof params === 'object' && params !== null && 'id' in params && typeof params.id === 'string' ? params.id : ''
}
