import { EXIT, type ExitCode } from '../exit-codes.ts'
import { type Rollout, rolloutAnswer } from './answers.ts'
import { askingIn } from './control-plane.ts'
import { rolloutLines } from './rollout-lines.ts'
import { ownFolders, type SourceFolders } from './sources.ts'

export interface OrderOptions {
  stateDir: string
  reason: string
  json: boolean
}
export type RolloutOrder = 'pause' | 'resume' | 'abort'

/** `aegis policy pause`, `resume` and `abort`: of the rollout under way. */
export async function policyOrder(
  order: RolloutOrder,
  { stateDir, reason, json }: OrderOptions,
  { out, columns, folders = ownFolders() }: { out: (line: string) => void; columns: number; folders?: SourceFolders },
): Promise<ExitCode> {
  const ask = askingIn(stateDir, folders)
  const path = `/v1/rollouts/current/${order}`
  const { value, fields } = await ask({
    as: 'publisher',
    method: 'POST',
    path,
    body: { reason },
    answer: rolloutAnswer,
    doing: DOING[order],
  })
  if (json) out(JSON.stringify(fields))
  else for (const line of orderLines(order, value.rollout, columns)) out(line)
  return EXIT.held
}

function orderLines(order: RolloutOrder, rollout: Rollout, columns: number): string[] {
  if (order === 'abort') {
    const { from, revision } = rollout
    return [`aborted: ${from ?? 'nothing'} is in force, not ${revision}; npm run policy -- status shows when that is so everywhere`]
  }
  const lines = rolloutLines(rollout, { nowMs: Date.now(), columns })
  return order === 'resume' ? lines : [...lines, 'go on: npm run policy -- resume; end it: npm run policy -- abort']
}

const DOING = { pause: 'pausing the rollout', resume: 'resuming the rollout', abort: 'aborting the rollout' }
