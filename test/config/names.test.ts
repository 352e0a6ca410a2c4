import {
  CONTROL_ALARMS,
  type ControlAlarm,
  OPTION_ALARMS,
  type OptionAlarm,
  REGION_ALARMS,
  type RegionAlarm,
  WATCH_ALARMS,
  type WatchAlarm,
} from '../../config/alarms.ts'
import { deployment as input } from '../../config/deployment.ts'
import { DRILLS } from '../../config/drills.ts'
import {
  cellNames,
  controlNames,
  directorNames,
  publicNames,
  REGIONAL_TABLES,
  SIGNING_KEYS,
  sharedNames,
  stackNames,
  watchNames,
  zoneNames,
} from '../../config/names.ts'
import { resolveDeployment } from '../../config/resolve.ts'
import { type Deployment, regionsOf, watchingRegions } from '../../config/schema.ts'

const accounts = input.environments.prod?.accounts as { control: string; workload: string }
const two = {
  ...input,
  environments: { dev: { accounts, domain: 'dev.aegis.example' }, prod: { accounts } },
}

/** Every name that must be unique in its account or in the world. */
function allNames(deployment: Deployment): string[] {
  const stacks = stackNames(deployment)
  const shared = sharedNames(deployment)
  const names = publicNames(deployment)
  const cells = regionsOf(deployment).flatMap(({ region, zone }) => {
    const cell = cellNames(deployment, region, zone)
    return [
      ...REGIONAL_TABLES.map((purpose) => cell.table(purpose)),
      ...SIGNING_KEYS.map((purpose) => cell.signingKey(purpose)),
      ...[cell.dataKey, cell.bundleBucket, cell.auditBucket, cell.accessLogsBucket, cell.gatewayRole, cell.dataProtectionRole],
      ...[cell.trafficRole, cell.scalingAlarm],
      ...[cell.executionRole, cell.loadBalancer, cell.operatorLoadBalancer, names.operator(region)],
      ...[cell.gatewayLogs, cell.flowLogs, cell.metricsLogs, cell.drillLogs, cell.networkParameter('vpc-id'), cell.alarmTopic],
      ...DRILLS.flatMap((drill) => [cell.drillRole(drill), cell.drillParameter(drill)]),
      ...Object.keys(REGION_ALARMS).map((alarm) => cell.alarm(alarm as RegionAlarm)),
      ...Object.keys(OPTION_ALARMS).map((alarm) => cell.alarm(alarm as OptionAlarm)),
      ...Object.keys(WATCH_ALARMS).map((alarm) => watchNames(deployment, region).alarm(alarm as WatchAlarm, region)),
      ...[stacks.keys, stacks.bundleStore, stacks.network, stacks.residencyStore, stacks.gateway, stacks.drills].map((name) =>
        name(region),
      ),
      names.regional(region),
    ]
  })
  const zones = Object.keys(deployment.zones).flatMap((zone) => [
    names.zone(zone),
    stacks.zone(zone),
    zoneNames(deployment, zone).pseudonymSecret,
  ])
  const director = directorNames(deployment)
  const watch = watchingRegions(deployment).flatMap((region) => {
    const { probeRole, probeBucket } = watchNames(deployment, region)
    return [probeRole, probeBucket, stacks.observability(region)]
  })
  const control = [deployment.homeRegion, 'eu-central-1'].flatMap((region) => {
    const { executionRole, accessLogsBucket, logs, flowLogs } = controlNames(deployment, region)
    return [executionRole, accessLogsBucket, logs, flowLogs, names.control(region)]
  })
  const here = controlNames(deployment, deployment.homeRegion)
  const { alarmTopic, dashboard, probe } = watchNames(deployment, deployment.homeRegion)
  return [
    ...cells,
    ...zones,
    ...watch,
    ...[alarmTopic, probe, stacks.drillDirector, director.drillDocument, director.stopDocument, director.role, director.schedulerRole],
    ...[director.scheduleGroup, director.evidenceBucket],
    `dashboard ${dashboard}`,
    ...control,
    ...[here.loadBalancer, `topic ${here.alarmTopic}`, names.controlZone],
    ...Object.keys(CONTROL_ALARMS).map((alarm) => here.alarm(alarm as ControlAlarm)),
    ...[shared.controlStore, shared.controlStoreCopy, shared.standbyControlStore, shared.controlReplicationRole],
    ...[names.global, names.operatorIssuer, names.operatorAudience, shared.globalTable, shared.bundleSigningKey, shared.publisherRole],
    ...[stacks.dns, stacks.controlDns, stacks.globalState, stacks.controlPlane, stacks.controlPlaneStandby, stacks.routing],
  ]
}

describe('names', () => {
  it('never give two things one name, within an environment or between two', () => {
    const names = [...allNames(resolveDeployment(two, 'dev')), ...allNames(resolveDeployment(two, 'prod'))]
    expect(names.filter((name, index) => names.indexOf(name) < index)).toEqual([])
  })

  it('fit into the limits of AWS at their longest', () => {
    // The longest name and environment that the schema lets through for these regions.
    const longest = { ...input, name: 'aegisa', environments: { staging: { accounts } } }
    const deployment = resolveDeployment(longest)
    for (const { region, zone } of regionsOf(deployment)) {
      const cell = cellNames(deployment, region, zone)
      for (const name of [cell.loadBalancer, cell.operatorLoadBalancer]) expect(name.length).toBeLessThanOrEqual(32)
      expect(cell.operatorLoadBalancer.length).toBeGreaterThan(cell.loadBalancer.length)
      for (const bucket of [cell.bundleBucket, cell.auditBucket, cell.accessLogsBucket]) expect(bucket.length).toBeLessThanOrEqual(63)
      for (const role of [cell.gatewayRole, cell.executionRole, cell.dataProtectionRole, ...DRILLS.map(cell.drillRole)])
        expect(role.length).toBeLessThanOrEqual(64)
      const control = controlNames(deployment, region)
      expect(control.loadBalancer.length).toBeLessThanOrEqual(32)
      expect(control.accessLogsBucket.length).toBeLessThanOrEqual(63)
      expect(control.executionRole.length).toBeLessThanOrEqual(64)
      const { probeBucket, probeRole } = watchNames(deployment, region)
      expect(probeBucket.length).toBeLessThanOrEqual(63)
      expect(probeRole.length).toBeLessThanOrEqual(64)
    }
    const { controlStoreCopy, standbyControlStore, controlReplicationRole } = sharedNames(deployment)
    for (const bucket of [controlStoreCopy, standbyControlStore]) expect(bucket.length).toBeLessThanOrEqual(63)
    expect(controlReplicationRole.length).toBeLessThanOrEqual(64)
    const { evidenceBucket, scheduleGroup, role, schedulerRole, drillDocument } = directorNames(deployment)
    expect(evidenceBucket.length).toBeLessThanOrEqual(63)
    for (const name of [scheduleGroup, role, schedulerRole, drillDocument]) expect(name.length).toBeLessThanOrEqual(64)
  })

  it('put the account into what must be unique in the world', () => {
    const deployment = resolveDeployment(input)
    const cell = cellNames(deployment, 'eu-west-1', 'eu')
    const { probeBucket } = watchNames(deployment, 'eu-west-1')
    const buckets = [cell.bundleBucket, cell.auditBucket, cell.accessLogsBucket, probeBucket, directorNames(deployment).evidenceBucket]
    for (const bucket of buckets) expect(bucket).toContain(accounts.workload)
  })

  it("end a secret's name in nothing that looks like the suffix of its ARN", () => {
    const deployment = resolveDeployment(input)
    for (const zone of Object.keys(deployment.zones)) expect(zoneNames(deployment, zone).pseudonymSecret).not.toMatch(/-.{6}$/)
  })

  it('make https URLs without port or path, as token audiences are compared by character', () => {
    const names = publicNames(resolveDeployment(input))
    for (const url of [names.globalUrl, names.zoneUrl('eu'), names.regionUrl('eu-west-1'), names.operatorIssuer, names.operatorAudience])
      expect(url).toMatch(/^https:\/\/[a-z0-9.-]+$/)
  })
})
