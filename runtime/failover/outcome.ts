import type { ControlMeasures } from './decisions.ts'
import type { Round } from './measures.ts'

/** How a drill went, before anybody judges it. Times: milliseconds since the epoch on the drill's clock. */
export interface Outcome {
  ended: Ended
  startedMs: number
  endedMs: number
  rounds: Round[]
  control?: ControlMeasures
  /** Checks of operator and verify steps that did not hold in their time. */
  failedChecks: { step: string; round: number; detail: string }[]
  /** Undefined when no fault was ever injected. `fault`: what went wrong in rolling back. */
  rollback?: { atMs: number; doneAtMs: number; fault?: string }
}

/** `abort`: a limit of the runbook was passed. All others but `completed` prove nothing either way. */
export type Ended = { how: 'completed' } | { how: 'gate' | 'control' | 'abort' | 'interrupted' | 'error'; detail: string }
