import { fileURLToPath } from 'node:url'
import { deployOrder, selectStacks } from '../../../config/deploy-order.ts'
import { ConfigError } from '../../../config/resolve.ts'
import type { Deployment } from '../../../config/schema.ts'
import { loadTrustRoot } from '../../../config/trust.ts'
import { DEMO_WARNING, runsDemo, unreadyConfig } from '../../../config/unready.ts'
import { CommandError, EXIT, type ExitCode } from '../exit-codes.ts'
import { type Access, openAccess } from './access.ts'
import { preflightFaults } from './faults.ts'
import { type LookOptions, look } from './look.ts'

export interface PreflightOptions {
  deployment: Deployment
  /** Names of stacks, with `*` and `?`. None: every stack. */
  patterns: readonly string[]
  /** Default: `config/trust` of this clone. */
  trustFolder?: string
  access?: Access
  delegatedTo?: LookOptions['delegatedTo']
}

/**
 * `aegis preflight`: whether these stacks can be deployed now. Reads, and changes nothing.
 * @returns failed when something is missing, each on a line with the command that mends it
 * @throws ConfigError when configuration has placeholders; CommandError when a pattern names nothing, or there are no credentials
 */
export async function preflight(options: PreflightOptions, out: (line: string) => void): Promise<ExitCode> {
  const { deployment, patterns } = options
  const plan = deployOrder(deployment)
  const { selected, unmatched } = selectStacks(plan, patterns.length === 0 ? ['*'] : patterns)
  const [unknown] = unmatched
  if (unknown !== undefined) throw new CommandError(`no stack is named ${unknown}; there are ${plan.map(({ name }) => name).join(', ')}`)
  refuseUnready(deployment)
  if (runsDemo(deployment)) out(`WARNING: ${DEMO_WARNING}`)
  const access = options.access ?? (await openAccess(deployment.routingRegion))
  const { delegatedTo } = options
  const facts = await look({ deployment, plan, selected, access, ...(delegatedTo && { delegatedTo }) })
  const trustRoot = loadTrustRoot(options.trustFolder ?? TRUST_FOLDER, deployment.environment)
  const faults = preflightFaults({ deployment, plan, selected, trustRoot, facts })
  for (const fault of faults) out(fault)
  const stacks = selected.length === 1 ? '1 stack' : `${selected.length} stacks`
  out(
    faults.length === 0
      ? `${stacks} can be deployed`
      : `${stacks} cannot be deployed yet: ${faults.length === 1 ? '1 fault' : `${faults.length} faults`}`,
  )
  return faults.length === 0 ? EXIT.held : EXIT.failed
}

/** @throws ConfigError with a line for each value that was never set. Nothing can be asked of accounts that are nobody's. */
export function refuseUnready(deployment: Deployment): void {
  const unready = unreadyConfig(deployment)
  if (unready.length > 0) throw new ConfigError(unready)
}

const TRUST_FOLDER = fileURLToPath(new URL('../../../config/trust', import.meta.url))
