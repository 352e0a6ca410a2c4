import type { Approval } from '../../state/approval-item.ts'

/** What people are told of a call that waits: enough to go and look, and nothing of what is in it. */
export interface Notice {
  id: string
  tenant: string
  tool: string
  action: string
  risk: string
  expiresAtMs: number
}

export function noticeOf({ id, tenant, tool, action, risk, expiresAtMs }: Approval): Notice {
  return { id, tenant, tool, action, risk, expiresAtMs }
}

/** The JSON that every channel is made from. `link` is where an operator of the region looks at it. */
export function noticeBody(notice: Notice, link: string) {
  const { id, tenant, tool, action, risk, expiresAtMs } = notice
  return { kind: 'approval.pending', id, tenant, tool, action, risk, link, expires_at: new Date(expiresAtMs).toISOString() } as const
}
export type NoticeBody = ReturnType<typeof noticeBody>
