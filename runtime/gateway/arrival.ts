import type { Span } from '@opentelemetry/api'
import type { DoorName, Principal, ToolCall } from '../model/call.ts'
import type { ActivePolicy } from './active-policy.ts'

/** A call on its way through a door: what is known of it so far. */
export interface Arrival {
  readonly decisionId: string
  readonly door: DoorName
  /** On the monotonic clock. */
  readonly startedMs: number
  readonly span: Span
  /** From the headers: who calls, and the policy that the whole call is judged by, whatever is activated meanwhile. */
  admitted?: { principal: Principal; policy: ActivePolicy }
  /** From the body. */
  call?: Pick<ToolCall, 'tool' | 'action'>
  /** A verdict stands in the log: what goes wrong from here on is no second one. */
  decided?: true
}
