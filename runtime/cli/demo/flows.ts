import { approvedPayment } from './approval.ts'
import { sharedBudget } from './budget.ts'
import { taintedChain } from './chain.ts'
import { approvedExport } from './export.ts'
import { keyedPayment } from './idempotency.ts'
import { killedAgent } from './kill.ts'
import { promotedStandby } from './promotion.ts'
import type { DemoFlow } from './row.ts'

/** The rows that are more than one call, in the order of the table. */
export const DEMO_FLOWS: readonly DemoFlow[] = [
  approvedPayment,
  approvedExport,
  sharedBudget,
  killedAgent,
  promotedStandby,
  taintedChain,
  keyedPayment,
]
