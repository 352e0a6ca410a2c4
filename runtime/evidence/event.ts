/**
 * Something that people or processes did beside a verdict: an approval, a kill, a promotion, an outcome. `facts` hold ids, codes and
 * counts, never an argument's value.
 */
export interface OperatorEvent {
  /** `approval.approved`, `kill.thrown`, `promotion.made`, ... */
  kind: string
  /** Who: the `sub` of an operator's token, or an agent's id. */
  actor: string
  tenant: string | null
  decisionId?: string
  approvalId?: string
  facts: Readonly<Record<string, string | number | boolean | null>>
}

/** The audit log as a room that makes events sees it. */
export interface EventLog {
  /** Resolves when the record is on disk. @throws AegisError audit_unavailable */
  write(event: OperatorEvent): Promise<void>
}
