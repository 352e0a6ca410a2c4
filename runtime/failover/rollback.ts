import { describeError } from './describe-error.ts'
import { FAULTS, type Fault } from './faults/registry.ts'
import type { Run } from './watch.ts'

/** Undoes every fault that was tried, even those that failback has undone: doing it twice does no harm. */
export async function rollback(run: Run): Promise<void> {
  const { ports, plan, outcome } = run
  if (run.injected.size === 0) return
  const atMs = ports.time.now()
  const faults: string[] = []
  for (const step of plan.runbook.steps) {
    if (step.type !== 'inject' || !run.injected.has(step.id)) continue
    const fault: Fault = FAULTS[step.fault]
    for (let attempt = 1; ; attempt += 1) {
      try {
        const mark = await fault.undo(ports.fabric, step.region)
        ports.journal.add({ type: 'fault', fault: step.fault, region: step.region, action: 'undo', ...mark })
        break
      } catch (error) {
        if (attempt < ROLLBACK_ATTEMPTS) continue
        faults.push(`${step.region} is NOT restored: ${describeError(error)}`)
        break
      }
    }
  }
  outcome.rollback = { atMs, doneAtMs: ports.time.now(), ...(faults.length > 0 ? { fault: faults.join('; ') } : {}) }
  ports.say(faults.length === 0 ? 'rolled back: no fault is left' : `ROLLBACK FAILED: ${faults.join('; ')}`)
}

const ROLLBACK_ATTEMPTS = 3
