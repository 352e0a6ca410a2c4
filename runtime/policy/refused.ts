import { type DocumentFault, describeFault } from './yaml-file.ts'

/** Sources that are not taken, with everything that is wrong in them: one line a fault. What is in force stays in force. */
export class PolicyRefusedError extends Error {
  override name = 'PolicyRefusedError'
  readonly code = 'policy_refused'
  readonly faults: readonly DocumentFault[]
  constructor(faults: readonly DocumentFault[]) {
    super(faults.map(describeFault).join('\n'))
    this.faults = faults
  }
}
