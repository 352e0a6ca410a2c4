import type { z } from 'zod'
import { deployedZones, stageFaults } from './deployed-zones.ts'
import { deploymentFaults, environmentFaults, replicaFaults } from './faults.ts'
import { loadPinned, pinnedPath, withPinned } from './pinned.ts'
import { type Deployment, deploymentSchema } from './schema.ts'

/**
 * Turns what an adopter wrote in `deployment.ts` into a complete, checked deployment.
 * Throws a ConfigError whose message has one line a fault, each with the path of the value.
 * @param environment default: the first
 * @param pinnedFolder path of `config/pinned`, whose file of the environment counts too (PinnedError). Default: only what the input says.
 */
export function resolveDeployment(input: unknown, environment?: string, pinnedFolder?: string): Deployment {
  const parsed = deploymentSchema.safeParse(input)
  if (!parsed.success) throw new ConfigError(parsed.error.issues.flatMap(describeIssue))
  const { environments, ...rest } = parsed.data
  const name = environment ?? Object.keys(environments)[0]
  if (name === undefined) throw new ConfigError(['environments: needs at least one environment'])
  const chosen = Object.hasOwn(environments, name) ? environments[name] : undefined
  if (chosen === undefined) {
    throw new ConfigError([`environments: no environment ${JSON.stringify(name)}, there are ${Object.keys(environments).join(', ')}`])
  }
  const pinned = pinnedFolder === undefined ? {} : loadPinned(pinnedFolder, name)
  const own = withPinned(chosen, pinned, pinnedPath(pinnedFolder ?? '', name))
  // What is written is checked as a whole; what is deployed of it is a part.
  const written = { ...rest, ...own, environment: name, plannedZones: rest.zones }
  const deployment = { ...written, zones: deployedZones(written) }
  const faults = [...deploymentFaults(written), ...stageFaults(written), ...replicaFaults(deployment), ...environmentFaults(parsed.data)]
  if (faults.length > 0) throw new ConfigError(faults)
  return deployment
}

export class ConfigError extends Error {
  override name = 'ConfigError'
  readonly faults: readonly string[]
  constructor(faults: readonly string[]) {
    super(`config/deployment.ts: ${faults.join('\nconfig/deployment.ts: ')}`)
    this.faults = faults
  }
}

function describeIssue(issue: z.core.$ZodIssue): string[] {
  const at = (path: readonly PropertyKey[]) => (path.length === 0 ? 'the deployment' : path.map(String).join('.'))
  if (issue.code === 'unrecognized_keys') return issue.keys.map((key) => `${at([...issue.path, key])}: unknown key`)
  return [`${at(issue.path)}: ${issue.message}`]
}
