import type { PlannedStack } from '../../../config/deploy-order.ts'
import { stackNames } from '../../../config/names.ts'
import type { Deployment } from '../../../config/schema.ts'
import { isPlaceholder, type TrustRoot } from '../../../config/trust.ts'
import { type Facts, type PlaceFacts, placeKey } from './facts.ts'

export interface Asked {
  deployment: Deployment
  plan: readonly PlannedStack[]
  /** In the order of the plan. */
  selected: readonly PlannedStack[]
  trustRoot: TrustRoot
  facts: Facts
}

/**
 * What keeps stacks from being deployed now: a line a fault, with the command that mends it. What several stacks lack is told once, and a stack that is deployed by
 * the same command counts as there for those after it.
 */
export function preflightFaults(asked: Asked): string[] {
  const lines = asked.selected.flatMap((stack) => [
    ...placeFaults(stack, asked),
    ...ownFaults(stack, asked),
    ...needFaults(stack, asked),
    ...joinFaults(stack, asked),
    ...(stack.kind === 'gateway' || stack.kind === 'routing' ? zoneFaults(asked) : []),
    ...(stack.kind === 'control-plane' || stack.kind === 'control-plane-standby' ? controlZoneFaults(stack, asked) : []),
    ...(stack.kind === 'global-state' ? replicaFaults(asked) : []),
    ...(stack.kind === 'gateway' ? gatewayFaults(stack, asked) : []),
  ])
  return [...new Set(lines)]
}

/** The oldest bootstrap whose roles the CDK's templates know ("Bootstrap template", AWS CDK guide). */
const BOOTSTRAP_MIN = 6
const PIN = 'npm run -s aegis -- pin'
const deploy = (...stacks: readonly string[]) => `npm run deploy -- ${stacks.join(' ')}`

function placeFaults(stack: PlannedStack, { facts }: Asked): string[] {
  const place = facts.places.get(placeKey(stack))
  if (place === undefined) return [`${placeKey(stack)}: nobody looked there`]
  if ('fault' in place) return [place.fault]
  if ((place.bootstrap ?? 0) >= BOOTSTRAP_MIN) return []
  const found = place.bootstrap === undefined ? 'not bootstrapped' : `bootstrapped at version ${place.bootstrap}, which is too old`
  return [`${placeKey(stack)} is ${found}: npm exec cdk -- bootstrap aws://${placeKey(stack)}`]
}

function ownFaults({ name, ...stack }: PlannedStack, { facts }: Asked): string[] {
  const status = statusOf(name, facts.places.get(placeKey(stack)))
  return status?.endsWith('_IN_PROGRESS') ? [`${name} is being changed already (${status}): wait until that has ended`] : []
}

function needFaults({ name, needs }: PlannedStack, { plan, selected, facts }: Asked): string[] {
  const here = new Set(selected.map((stack) => stack.name))
  return needs
    .filter((need) => !here.has(need))
    .flatMap((need) => {
      const stack = plan.find((one) => one.name === need)
      if (stack === undefined) return [`${name} needs ${need}, which is not in this deployment`]
      const place = facts.places.get(placeKey(stack))
      if (place !== undefined && 'fault' in place) return [place.fault]
      const status = statusOf(need, place)
      if (status === undefined) return [`${name} needs ${need}, which is not deployed: ${deploy(need)}`]
      return isThere(status) ? [] : [`${name} needs ${need}, which is ${status}: mend it, then ${deploy(need)}`]
    })
}

function statusOf(name: string, place: PlaceFacts | undefined): string | undefined {
  return place === undefined || 'fault' in place ? undefined : place.stacks.get(name)
}

/** Whole, if perhaps not as it was last wished to be. */
function isThere(status: string): boolean {
  return /^(CREATE|UPDATE|IMPORT|UPDATE_ROLLBACK|IMPORT_ROLLBACK)_COMPLETE$/.test(status)
}

function zoneFaults({ deployment: { hostedZoneId, domain }, facts: { nameServers } }: Asked): string[] {
  if (hostedZoneId === undefined) return [`the id of the hosted zone of ${domain} is not pinned: ${PIN}`]
  if (nameServers === undefined) return []
  const { zone, delegated } = nameServers
  if (delegated.some((server) => zone?.includes(server) ?? true)) return []
  // Without a delegation the certificate waits for its validation until the stack is rolled back, hours later.
  const found = delegated.length === 0 ? 'nowhere' : `to ${delegated.join(', ')}`
  return [
    `${domain} is delegated ${found}, so no certificate would be given: let its parent zone name ${zone?.join(', ') ?? 'its name servers'}`,
  ]
}

/** A stack that names others which are partly there: see {@link PlannedStack.joins}. What cannot be looked at is taken for there. */
function joinFaults({ name, joins }: PlannedStack, { plan, selected, facts }: Asked): string[] {
  const here = new Set(selected.map((stack) => stack.name))
  const states = joins.map((join) => {
    const stack = plan.find((one) => one.name === join)
    const place = stack && facts.places.get(placeKey(stack))
    const unknown = place === undefined || 'fault' in place
    return { join, there: here.has(join) || unknown || isThere(statusOf(join, place) ?? '') }
  })
  if (states.every(({ there }) => !there)) return []
  return states
    .filter(({ there }) => !there)
    .map(({ join }) => `${name} names the region of ${join}, which is not deployed: ${deploy(join)}`)
}

/** Only the stack that has the service needs the zone of its name. */
function controlZoneFaults({ kind }: PlannedStack, { deployment: { controlZone, controlPlane } }: Asked): string[] {
  const hasService = (controlPlane.runsIn === 'standby') === (kind === 'control-plane-standby')
  return hasService && controlZone === undefined ? [`the zone of the control plane is not pinned: ${PIN}`] : []
}

function replicaFaults({ deployment: { deployedReplicas, environment }, facts: { replicas } }: Asked): string[] {
  if (replicas === undefined) return []
  const pinned = deployedReplicas ?? []
  if (replicas.length === pinned.length && replicas.every((region) => pinned.includes(region))) return []
  return [
    `the global table is in ${replicas.join(', ')}, but ${pinned.length === 0 ? 'no replica' : `${pinned.join(', ')} alone`} is pinned for ${environment}: ${PIN}`,
  ]
}

function gatewayFaults({ name, region }: PlannedStack, { deployment, trustRoot, facts }: Asked): string[] {
  const { published, takesPublisher, fault } = facts.regions.get(region) ?? {}
  const faults: string[] = []
  if (isPlaceholder(trustRoot)) faults.push(`no key is pinned that gateways may believe: ${PIN}`)
  else if (facts.signingKid !== undefined && !trustRoot.keys.some(({ kid }) => kid === facts.signingKid))
    faults.push(`config/trust/${deployment.environment}.json does not have the key that signs, ${facts.signingKid}: ${PIN}`)
  if (fault !== undefined) faults.push(`${name}: ${fault}`)
  if (takesPublisher === false)
    faults.push(
      `the publisher may not write to the global table in ${region} yet: ${PIN}, then ${deploy(stackNames(deployment).globalState)} once more, which gives that replica its policy`,
    )
  // Gateways without a bundle are never healthy: ECS would start and end them for an hour and roll the stack back.
  if (published === false)
    faults.push(
      `${name} needs something to serve, and nothing is published for ${region}: the control plane does that by itself when it reaches the region (docs/deploy.md#first-publish)`,
    )
  return faults
}
