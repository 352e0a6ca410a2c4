import { buildPolicies, testPolicies } from '../policy/build.ts'
import { EXIT, type ExitCode } from './exit-codes.ts'

type Out = (line: string) => void

/** `aegis policy build`: module and schemas from the Rego. */
export async function policyBuild(out: Out): Promise<ExitCode> {
  return await shown(buildPolicies, out)
}

/** `aegis policy test`: what a change of Rego must pass. */
export async function policyTest(out: Out): Promise<ExitCode> {
  return await shown(testPolicies, out)
}

/** What `opa` complains about is no fault of usage, and its own lines say it best. */
async function shown(work: () => Promise<string[]>, out: Out): Promise<ExitCode> {
  try {
    for (const line of await work()) out(line)
    return EXIT.held
  } catch (error) {
    out((error as Error).message)
    return EXIT.failed
  }
}
