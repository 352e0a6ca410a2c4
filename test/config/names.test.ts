import { deployment as input } from '../../config/deployment.ts'
import { cellNames, publicNames, REGIONAL_TABLES, SIGNING_KEYS, sharedNames, stackNames, zoneNames } from '../../config/names.ts'
import { resolveDeployment } from '../../config/resolve.ts'
import { type Deployment, regionsOf } from '../../config/schema.ts'

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
      ...[cell.executionRole, cell.loadBalancer, cell.operatorLoadBalancer, names.operator(region)],
      ...[cell.gatewayLogs, cell.flowLogs, cell.networkParameter('vpc-id')],
      ...[stacks.keys, stacks.bundleStore, stacks.network, stacks.residencyStore, stacks.gateway].map((name) => name(region)),
      names.regional(region),
    ]
  })
  const zones = Object.keys(deployment.zones).flatMap((zone) => [
    names.zone(zone),
    stacks.zone(zone),
    zoneNames(deployment, zone).pseudonymSecret,
  ])
  return [
    ...cells,
    ...zones,
    ...[
      names.global,
      names.operatorIssuer,
      names.operatorAudience,
      shared.globalTable,
      shared.bundleSigningKey,
      shared.publisherRole,
      shared.gatewayRepository,
    ],
    ...[stacks.dns, stacks.globalState, stacks.controlPlane, stacks.routing],
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
      for (const role of [cell.gatewayRole, cell.executionRole, cell.dataProtectionRole]) expect(role.length).toBeLessThanOrEqual(64)
    }
  })

  it('put the account into what must be unique in the world', () => {
    const deployment = resolveDeployment(input)
    const cell = cellNames(deployment, 'eu-west-1', 'eu')
    for (const bucket of [cell.bundleBucket, cell.auditBucket, cell.accessLogsBucket]) expect(bucket).toContain(accounts.workload)
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
