import { capacityOf } from './capacity.ts'
import { REGION } from './identifiers.ts'
import { type Deployment, type Resolved, switchedZones } from './schema.ts'

/** What is wrong between the values of one environment: a line a fault, each with the path of the value. */
export function deploymentFaults(deployment: Deployment): string[] {
  return [
    ...Object.keys(deployment.zones).flatMap((zone) => zoneFaults(deployment, zone)),
    ...placeFaults(deployment),
    ...watchFaults(deployment),
    ...organizationFaults(deployment),
    ...controlPlaneFaults(deployment),
    ...sizeFaults(deployment),
    ...capacityFaults(deployment),
    ...nameFaults(deployment),
    ...optionFaults(deployment),
  ]
}

/** What is wrong between environments. Two of them under one domain would write the same records. */
export function environmentFaults({ domain, environments }: Resolved): string[] {
  const owner = new Map<string, string>()
  return Object.entries(environments).flatMap(([name, environment]) => {
    const used = environment.domain ?? domain
    const other = owner.get(used)
    owner.set(used, name)
    return other === undefined ? [] : [`environments.${name}.domain: ${used} is the domain of ${other} too; give each environment its own`]
  })
}

function zoneFaults({ zones }: Deployment, id: string): string[] {
  const { regions, primary, standby } = zones[id] as Deployment['zones'][string]
  const faults: string[] = []
  if (id in TAKEN) faults.push(`zones.${id}: this name is taken by ${TAKEN[id]}`)
  if (REGION.test(id)) faults.push(`zones.${id}: a zone cannot have the name of a region, as both become names under the domain`)
  for (const [index, region] of regions.entries()) {
    if (regions.indexOf(region) < index) faults.push(`zones.${id}.regions: ${region} is named twice`)
    // Zones before this one only, so that a shared region is told once.
    const before = Object.keys(zones).slice(0, Object.keys(zones).indexOf(id))
    const other = before.find((zone) => zones[zone]?.regions.includes(region))
    if (other !== undefined)
      faults.push(`zones.${id}.regions: ${region} is in two zones, ${other} and ${id}; a region belongs to one jurisdiction`)
  }
  if (primary !== undefined && !regions.includes(primary))
    faults.push(`zones.${id}.primary: ${primary} is not a region of zone ${id} (${regions.join(', ')})`)
  if (standby !== undefined && !regions.includes(standby))
    faults.push(
      `zones.${id}.standby: ${standby} is not a region of zone ${id} (${regions.join(', ')}); failing over to it would export the zone's data`,
    )
  if (standby !== undefined && standby === (primary ?? regions[0])) faults.push(`zones.${id}.standby: ${standby} is the primary itself`)
  return faults
}

/** Names under the domain that are no zone's. */
const TAKEN: Record<string, string> = {
  global: 'tenants with binding none',
  login: 'the issuer of operators',
  operators: 'the operators',
  discovery: 'the edge',
  control: 'the control plane',
}

/** ARNs and service names here are those of the `aws` partition. */
const OTHER_PARTITION = /^(cn|us-gov|us-iso[a-z]?|eu-isoe|eusc)-/

function placeFaults(deployment: Deployment): string[] {
  const { environment, homeRegion, routingRegion } = deployment
  const serving = servingRegions(deployment)
  const faults: string[] = []
  if (serving.length === 0) faults.push('zones: needs at least one zone')
  if (!serving.includes(homeRegion)) faults.push(`homeRegion: ${homeRegion} serves no zone`)
  if (serving.includes(routingRegion)) faults.push(`routingRegion: ${routingRegion} is a serving region; routing must outlive every cell`)
  for (const region of new Set([...serving, routingRegion])) {
    if (OTHER_PARTITION.test(region)) faults.push(`zones: ${region} is outside the aws partition, where this deployment does not go`)
  }
  for (const zone of Object.keys(deployment.accounts.zones)) {
    if (deployment.zones[zone] === undefined) faults.push(`environments.${environment}.accounts.zones.${zone}: no such zone`)
  }
  if (deployment.hostedZone === 'imported' && deployment.hostedZoneId === undefined)
    faults.push(`environments.${environment}.hostedZoneId: an imported hosted zone needs its id`)
  return faults
}

function watchFaults(deployment: Deployment): string[] {
  const { homeRegion, observability, cost, drills } = deployment
  const faults: string[] = []
  const second = observability.secondRegion
  if (second === homeRegion)
    faults.push(
      `observability.secondRegion: ${second} is the home region, which has dashboards and probes already; losing it would blind you`,
    )
  if (second !== undefined && OTHER_PARTITION.test(second))
    faults.push(`observability.secondRegion: ${second} is outside the aws partition, where this deployment does not go`)
  const serving = servingRegions(deployment)
  for (const region of Object.keys(cost.monthlyUsdOf))
    if (!serving.includes(region)) faults.push(`cost.monthlyUsdOf.${region}: serves no zone`)
  // EventBridge wants a question mark for one of the two kinds of day, and takes it for exactly one of them.
  const [, , dayOfMonth, , dayOfWeek] = /^cron\((.*)\)$/.exec(drills.schedule)?.[1]?.split(' ') ?? []
  if (dayOfMonth !== undefined && (dayOfMonth === '?') === (dayOfWeek === '?'))
    faults.push(`drills.schedule: ${drills.schedule} must have ? for the day of the month or for the day of the week, and not for both`)
  return faults
}

function controlPlaneFaults({ homeRegion, controlPlane }: Deployment): string[] {
  const { standbyRegion, runsIn, term } = controlPlane
  const faults: string[] = []
  if (standbyRegion === homeRegion)
    faults.push(`controlPlane.standbyRegion: ${standbyRegion} is the home region, whose loss the standby is for`)
  if (standbyRegion !== undefined && OTHER_PARTITION.test(standbyRegion))
    faults.push(`controlPlane.standbyRegion: ${standbyRegion} is outside the aws partition, where this deployment does not go`)
  if (runsIn === 'standby' && standbyRegion === undefined)
    faults.push('controlPlane.runsIn: standby needs controlPlane.standbyRegion, with its stack deployed before the home region was lost')
  if (runsIn === 'standby' && term < 2)
    faults.push(`controlPlane.term: ${term} is the home region's; raise it, or regions go on obeying the control plane that was there`)
  return faults
}

function organizationFaults({ environment, accounts, organization }: Deployment): string[] {
  const { management } = accounts
  const path = `environments.${environment}`
  if (management === undefined && organization === undefined) return []
  if (organization === undefined) return [`${path}.organization: accounts.management is given, so say which organization and whom to bind`]
  if (management === undefined) return [`${path}.accounts.management: organization is given, so say from which account it is managed`]
  const faults: string[] = []
  if (organization.targets.includes(management))
    faults.push(`${path}.organization.targets: ${management} is the management account, which its own policies do not bind`)
  for (const holder of ['control', 'workload'] as const)
    if (accounts[holder] === management)
      faults.push(`${path}.accounts.${holder}: ${management} is the management account too; no policy would bind what runs there`)
  return faults
}

/** CPU units of a Fargate task -> least, most and step of its memory in MiB (Amazon ECS, "Task size"). */
const FARGATE_MEMORY_MIB: Record<number, readonly [min: number, max: number, step: number]> = {
  512: [1024, 4096, 1024],
  1024: [2048, 8192, 1024],
  2048: [4096, 16_384, 1024],
  4096: [8192, 30_720, 1024],
  8192: [16_384, 61_440, 4096],
  16384: [32_768, 122_880, 8192],
}

function sizeFaults({ bundleWarnAgeH, bundleMaxAgeH, gateway, controlPlane }: Deployment): string[] {
  const faults: string[] = taskSizeFaults('controlPlane', controlPlane)
  if (bundleWarnAgeH >= bundleMaxAgeH) faults.push(`bundleWarnAgeH: ${bundleWarnAgeH} must be less than bundleMaxAgeH ${bundleMaxAgeH}`)
  if (gateway.maxTasks < gateway.minTasks) faults.push(`gateway.maxTasks: ${gateway.maxTasks} is less than minTasks ${gateway.minTasks}`)
  return [...faults, ...taskSizeFaults('gateway', gateway)]
}

function taskSizeFaults(key: 'gateway' | 'controlPlane', { cpu, memoryMiB }: { cpu: number; memoryMiB: number }): string[] {
  const memory = FARGATE_MEMORY_MIB[cpu]
  if (memory === undefined) return [`${key}.cpu: ${cpu} is no size of a Fargate task (${Object.keys(FARGATE_MEMORY_MIB).join(', ')})`]
  const [min, max, step] = memory
  if (memoryMiB >= min && memoryMiB <= max && memoryMiB % step === 0) return []
  return [`${key}.memoryMiB: ${memoryMiB} does not go with ${cpu} cpu units (${min} to ${max} in steps of ${step})`]
}

function capacityFaults(deployment: Deployment): string[] {
  const { gateway, alarms, zones } = deployment
  const faults: string[] = []
  for (const zone of Object.keys(gateway.peakCallsPerSecond.zones))
    if (zones[zone] === undefined) faults.push(`gateway.peakCallsPerSecond.zones.${zone}: no such zone`)
  if (gateway.scaleOutP95Ms >= alarms.decisionP99Ms)
    faults.push(
      `gateway.scaleOutP95Ms: ${gateway.scaleOutP95Ms} must be less than alarms.decisionP99Ms ${alarms.decisionP99Ms}, or people are woken before anything helps`,
    )
  // A zone without regions has a fault of its own.
  for (const region of servingRegions(deployment)) {
    const { minTasks } = capacityOf(deployment, region)
    if (minTasks > gateway.maxTasks && gateway.minTasks <= gateway.maxTasks)
      faults.push(
        `gateway.maxTasks: ${gateway.maxTasks} is less than the ${minTasks} that ${region} needs so that the loss of another region needs no scaling (gateway.peakCallsPerSecond)`,
      )
  }
  return faults
}

/** Elastic Load Balancing has the shortest limit of all names that `names.ts` makes. */
const LOAD_BALANCER_NAME_MAX = 32

function nameFaults(deployment: Deployment): string[] {
  const { name, environment } = deployment
  return servingRegions(deployment).flatMap((region) => {
    // The operators' load balancer has the longest name.
    const over = `${name}-${environment}-${region}-op`.length - LOAD_BALANCER_NAME_MAX
    return over <= 0
      ? []
      : [
          `name: ${name}-${environment}-${region}-op is ${over} characters longer than a load balancer's name may be; shorten name or environment`,
        ]
  })
}

/** CloudFormation changes one replica of a global table per update (AWS::DynamoDB::GlobalTable, "Replicas"). */
export function replicaFaults(deployment: Deployment): string[] {
  const { deployedReplicas, environment } = deployment
  if (deployedReplicas === undefined) return []
  const wanted = servingRegions(deployment)
  const added = wanted.filter((region) => !deployedReplicas.includes(region))
  const removed = deployedReplicas.filter((region) => !wanted.includes(region))
  if (added.length + removed.length <= 1) return []
  const change = [...added.map((region) => `+${region}`), ...removed.map((region) => `-${region}`)].join(' ')
  return [
    `environments.${environment}.deployedReplicas: ${change} is more than one change of replicas; a global table takes one a deploy, so deploy them one by one (environments.${environment}.regions)`,
  ]
}

/** Longest name of a plan of ARC region switch. */
const PLAN_NAME_MAX = 32

/** What is wrong with what was switched on. */
function optionFaults(deployment: Deployment): string[] {
  const { name, environment, zones, backup, breakGlass, regionSwitch, accounts } = deployment
  const faults: string[] = []
  if (backup?.copyInZone && Object.values(zones).every(({ regions }) => regions.length < 2))
    faults.push('backup.copyInZone: no zone has a second region, and a copy in another zone would export its data')
  for (const [index, principal] of (breakGlass?.principals ?? []).entries())
    if (principal.split(':')[4] === accounts.control)
      faults.push(`breakGlass.principals.${index}: ${principal} is of the control account, which reads no data of tenants`)
  if (regionSwitch === undefined) return faults
  const switched = switchedZones(deployment)
  if (switched.length === 0) faults.push('regionSwitch: no zone has a standby to switch to')
  for (const zone of switched) {
    const over = `${name}-${environment}-${zone}`.length - PLAN_NAME_MAX
    if (over > 0)
      faults.push(
        `regionSwitch: ${name}-${environment}-${zone} is ${over} characters longer than a plan's name may be; shorten one of the three`,
      )
  }
  for (const zone of Object.keys(regionSwitch.primaryHealthChecks))
    if (!switched.includes(zone)) faults.push(`regionSwitch.primaryHealthChecks.${zone}: no zone of this name has a standby`)
  return faults
}

function servingRegions({ zones }: Deployment): string[] {
  return Object.values(zones).flatMap(({ regions }) => regions)
}
