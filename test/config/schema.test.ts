import { deployment as input } from '../../config/deployment.ts'
import { cellNames } from '../../config/names.ts'
import { ConfigError, resolveDeployment } from '../../config/resolve.ts'
import {
  accountOf,
  controlRegionOf,
  copyRegionOf,
  type DeploymentInput,
  primaryOf,
  regionsOf,
  watchingRegions,
} from '../../config/schema.ts'

const prod = input.environments.prod as DeploymentInput['environments'][string]
const eu = { regions: ['eu-west-1', 'eu-central-1'], primary: 'eu-west-1', standby: 'eu-central-1' }

/** Faults of the default deployment with some values replaced, each without the file's name. */
function faultsOf(changed: Record<string, unknown>): readonly string[] {
  try {
    resolveDeployment({ ...input, ...changed })
    return []
  } catch (error) {
    if (error instanceof ConfigError) return error.faults
    throw error
  }
}
const withProd = (changed: Record<string, unknown>) => ({ environments: { prod: { ...prod, ...changed } } })
const withZones = (zones: Record<string, unknown>) => ({ zones: { ...input.zones, ...zones } })

describe('the default deployment', () => {
  const deployment = resolveDeployment(input)

  it('is valid, and complete with defaults', () => {
    expect(deployment).toMatchObject({
      environment: 'prod',
      hostedZone: 'created',
      healthCheckIntervalS: 10,
      healthCheckFailureThreshold: 3,
      recordTtlS: 30,
      azCount: 2,
      gateway: { cpu: 1024, memoryMiB: 2048, minTasks: 2, maxTasks: 10 },
    })
  })

  it('lists its regions in the order of the configuration', () => {
    expect(regionsOf(deployment).map(({ region, zone }) => `${zone}/${region}`)).toEqual([
      'eu/eu-west-1',
      'eu/eu-central-1',
      'us/us-east-1',
      'apac/ap-southeast-1',
    ])
  })

  it('answers for a zone with its primary, and the first region where none is named', () => {
    expect(['eu', 'us', 'apac'].map((zone) => primaryOf(deployment, zone))).toEqual(['eu-west-1', 'us-east-1', 'ap-southeast-1'])
    expect(() => primaryOf(deployment, 'mars')).toThrow('no zone "mars"')
  })

  it('takes the account of a zone where there is one', () => {
    const own = resolveDeployment({ ...input, ...withProd({ accounts: { ...prod.accounts, zones: { eu: '333333333333' } } }) })
    expect([accountOf(own, 'eu'), accountOf(own, 'us')]).toEqual(['333333333333', prod.accounts.workload])
  })
})

describe('an environment', () => {
  const environments = { prod, dev: { ...prod, domain: 'dev.aegis.example' } }

  it('is the one asked for, else the first', () => {
    expect(resolveDeployment({ ...input, environments }).environment).toBe('prod')
    expect(resolveDeployment({ ...input, environments }, 'dev')).toMatchObject({ environment: 'dev', domain: 'dev.aegis.example' })
  })

  it.each(['staging', '', 'constructor', '__proto__'])('refuses %j, which is not there', (name) => {
    expect(() => resolveDeployment({ ...input, environments }, name)).toThrow(`no environment ${JSON.stringify(name)}, there are prod, dev`)
  })

  it('refuses none at all', () => {
    expect(faultsOf({ environments: {} })).toEqual(['environments: needs at least one environment'])
  })

  it('refuses two under one domain', () => {
    expect(faultsOf({ environments: { prod, dev: prod } })).toEqual([
      'environments.dev.domain: aegis.example is the domain of prod too; give each environment its own',
    ])
  })
})

describe('the schema', () => {
  it.each<[string, Record<string, unknown>, string]>([
    ['an unknown key', { zone: {} }, 'zone: unknown key'],
    ['an unknown key within', withProd({ account: '1' }), 'environments.prod.account: unknown key'],
    [
      'a TTL that answers for a lost region too long',
      { recordTtlS: 300 },
      'recordTtlS: must be at most 60 seconds, or a lost region is answered for too long',
    ],
    ['recorded inputs that are kept for ever', { inputsRetentionDays: 3650 }, 'inputsRetentionDays: must be at most 365 days'],
    [
      'an interval that Route 53 lacks',
      { healthCheckIntervalS: 20 },
      'healthCheckIntervalS: must be 10 or 30, the intervals that Route 53 offers',
    ],
    ['one task', { gateway: { minTasks: 1 } }, 'gateway.minTasks: must be at least 2: one task is no availability'],
    [
      'a name that is no label',
      { name: 'Aegis!' },
      'name: must be lower case letters, digits and inner hyphens, from a letter on, at most 15 characters',
    ],
    ['a name that AWS keeps', { name: 'internal-x' }, 'name: must not begin with aws, ssm, internal, sthree or xn--'],
    [
      'an account that is none',
      withProd({ accounts: { control: '1', workload: '222222222222' } }),
      'environments.prod.accounts.control: is not a 12-digit AWS account id',
    ],
    [
      'a hosted zone id that is none',
      withProd({ hostedZoneId: 'zone' }),
      'environments.prod.hostedZoneId: is not a hosted zone id such as Z0123456789ABC',
    ],
    ['a zone without regions', withZones({ us: { regions: [] } }), 'zones.us.regions: needs at least one region'],
    [
      'a region that is none',
      withZones({ us: { regions: ['virginia'] } }),
      'zones.us.regions.0: is not an AWS region name such as eu-west-1',
    ],
    ['a domain in upper case', { domain: 'Aegis.example' }, 'domain: is not a domain name in lower case'],
    ['one availability zone', { azCount: 1 }, 'azCount: must be 2 or 3'],
  ])('refuses %s', (_, changed, fault) => {
    expect(faultsOf(changed)).toEqual([fault])
  })

  it('tells every fault, a line each with the file', () => {
    const bad = { ...input, recordTtlS: 300, azCount: 9 }
    expect(() => resolveDeployment(bad)).toThrow(/^config\/deployment\.ts: recordTtlS: [^\n]+\nconfig\/deployment\.ts: azCount: [^\n]+$/)
  })
})

describe('values that contradict each other', () => {
  it.each<[string, Record<string, unknown>, string]>([
    [
      'a region in two zones',
      withZones({ us: { regions: ['us-east-1', 'eu-west-1'] } }),
      'zones.us.regions: eu-west-1 is in two zones, eu and us; a region belongs to one jurisdiction',
    ],
    ['a region named twice', withZones({ us: { regions: ['us-east-1', 'us-east-1'] } }), 'zones.us.regions: us-east-1 is named twice'],
    [
      'a standby abroad',
      withZones({ eu: { ...eu, standby: 'us-east-1' } }),
      "zones.eu.standby: us-east-1 is not a region of zone eu (eu-west-1, eu-central-1); failing over to it would export the zone's data",
    ],
    [
      'a primary abroad',
      withZones({ eu: { ...eu, primary: 'us-east-1' } }),
      'zones.eu.primary: us-east-1 is not a region of zone eu (eu-west-1, eu-central-1)',
    ],
    [
      'a standby that is the primary',
      withZones({ eu: { ...eu, standby: 'eu-west-1' } }),
      'zones.eu.standby: eu-west-1 is the primary itself',
    ],
    [
      'a zone called global',
      withZones({ global: { regions: ['us-west-2'] } }),
      'zones.global: this name is taken by tenants with binding none',
    ],
    ['a home that serves nobody', { homeRegion: 'us-west-2' }, 'homeRegion: us-west-2 serves no zone'],
    [
      'routing within a cell',
      { routingRegion: 'us-east-1' },
      'routingRegion: us-east-1 is a serving region; routing must outlive every cell',
    ],
    [
      'a region of another partition',
      withZones({ cn: { regions: ['cn-north-1'] } }),
      'zones: cn-north-1 is outside the aws partition, where this deployment does not go',
    ],
    ['a warning after the end', { bundleWarnAgeH: 72 }, 'bundleWarnAgeH: 72 must be less than bundleMaxAgeH 72'],
    ['fewer tasks at most than at least', { gateway: { minTasks: 4, maxTasks: 3 } }, 'gateway.maxTasks: 3 is less than minTasks 4'],
    [
      'a task size that Fargate lacks',
      { gateway: { cpu: 1000 } },
      'gateway.cpu: 1000 is no size of a Fargate task (512, 1024, 2048, 4096, 8192, 16384)',
    ],
    [
      'memory that does not go with the CPU',
      { gateway: { cpu: 1024, memoryMiB: 1024 } },
      'gateway.memoryMiB: 1024 does not go with 1024 cpu units (2048 to 8192 in steps of 1024)',
    ],
    [
      'an account for no zone',
      withProd({ accounts: { ...prod.accounts, zones: { mars: '333333333333' } } }),
      'environments.prod.accounts.zones.mars: no such zone',
    ],
    [
      'an imported hosted zone without id',
      withProd({ hostedZone: 'imported' }),
      'environments.prod.hostedZoneId: an imported hosted zone needs its id',
    ],
  ])('refuses %s', (_, changed, fault) => {
    expect(faultsOf(changed)).toEqual([fault])
  })

  it('refuses a zone with the name of a region, as both become names under the domain', () => {
    expect(faultsOf(withZones({ 'us-west-2': { regions: ['us-west-1'] } }))).toEqual([
      'zones.us-west-2: a zone cannot have the name of a region, as both become names under the domain',
    ])
  })

  it("refuses names that make a load balancer's longer than AWS takes, and no others", () => {
    const fitting = resolveDeployment({ ...input, name: 'aegis-gat' })
    const longest = Math.max(...regionsOf(fitting).map(({ region, zone }) => cellNames(fitting, region, zone).operatorLoadBalancer.length))
    expect(longest).toBe(32)
    expect(faultsOf({ name: 'aegis-gate' })).toEqual([
      "name: aegis-gate-prod-ap-southeast-1-op is 1 characters longer than a load balancer's name may be; shorten name or environment",
    ])
  })
})

describe('who operates', () => {
  it('comes from private ranges, by default from the VPCs themselves', () => {
    expect(resolveDeployment(input).operatorCidrs).toEqual(['10.0.0.0/16', '10.64.0.0/20'])
    expect(faultsOf({ operatorCidrs: ['10.20.0.0/16', '172.31.0.0/20', '192.168.7.0/24', '100.64.0.0/10'] })).toEqual([])
  })

  it.each(['0.0.0.0/0', '8.8.8.0/24', '172.32.0.0/16', '10.0.0.0/7', '192.169.0.0/16', '10.0.0.0', '10.0.0.0/33'])(
    'refuses %s',
    (range) => {
      expect(faultsOf({ operatorCidrs: [range] }).join('\n')).toMatch(/^operatorCidrs\.0: /)
    },
  )

  it('refuses an issuer that does not speak TLS', () => {
    expect(faultsOf({ operatorIssuer: 'https://login.company.example/tenant' })).toEqual([])
    expect(faultsOf({ operatorIssuer: 'http://login.company.example' })).toEqual(['operatorIssuer: is not an https URL'])
  })

  it.each(['login', 'operators'])('refuses a zone named %s, as that is a name of theirs', (zone) => {
    expect(faultsOf(withZones({ [zone]: { regions: ['us-west-2'] } })).join()).toMatch(`zones.${zone}: this name is taken`)
  })
})

describe('the control plane', () => {
  const faults = (controlPlane: Record<string, unknown>) => faultsOf({ controlPlane })

  it('runs in the home region, with a standby or without', () => {
    expect([faults({}), faults({ standbyRegion: 'eu-north-1' })]).toEqual([[], []])
    expect(controlRegionOf(resolveDeployment(input))).toBe('eu-west-1')
  })

  it('moves to the standby region under a higher term', () => {
    const controlPlane = { standbyRegion: 'eu-north-1', runsIn: 'standby', term: 2 } as const
    expect(controlRegionOf(resolveDeployment({ ...input, controlPlane }))).toBe('eu-north-1')
  })

  it.each([
    [{ standbyRegion: 'eu-west-1' }, 'controlPlane.standbyRegion: eu-west-1 is the home region'],
    [{ standbyRegion: 'cn-north-1' }, 'controlPlane.standbyRegion: cn-north-1 is outside the aws partition'],
    [{ runsIn: 'standby', term: 2 }, 'controlPlane.runsIn: standby needs controlPlane.standbyRegion'],
    [{ standbyRegion: 'eu-north-1', runsIn: 'standby' }, "controlPlane.term: 1 is the home region's"],
    [{ cpu: 300 }, 'controlPlane.cpu: 300 is no size of a Fargate task'],
    [{ egressHosts: ['*'] }, 'controlPlane.egressHosts.0: is not a host name'],
  ])('refuses %j', (controlPlane, fault) => {
    expect(faults(controlPlane)).toEqual([expect.stringContaining(fault)])
  })

  it('refuses a zone that has its name', () => {
    expect(faultsOf(withZones({ control: { regions: ['eu-north-1'] } }))).toEqual(
      expect.arrayContaining(['zones.control: this name is taken by the control plane']),
    )
  })
})

describe('replicas of the global table', () => {
  const all = ['eu-west-1', 'eu-central-1', 'us-east-1', 'ap-southeast-1']

  it('may be made all at once, or change by one', () => {
    expect(faultsOf({})).toEqual([])
    expect(faultsOf(withProd({ deployedReplicas: all }))).toEqual([])
    expect(faultsOf(withProd({ deployedReplicas: all.slice(1) }))).toEqual([])
    expect(faultsOf(withProd({ deployedReplicas: [...all, 'us-west-2'] }))).toEqual([])
  })

  it('refuses two changes in one deploy', () => {
    const told =
      'is more than one change of replicas; a global table takes one a deploy, so deploy them one by one (environments.prod.regions)'
    expect(faultsOf(withProd({ deployedReplicas: all.slice(2) }))).toEqual([
      `environments.prod.deployedReplicas: +eu-west-1 +eu-central-1 ${told}`,
    ])
    expect(faultsOf(withProd({ deployedReplicas: [...all.slice(1), 'us-west-2'] }))).toEqual([
      `environments.prod.deployedReplicas: +eu-west-1 -us-west-2 ${told}`,
    ])
  })
})

describe('what is watched, drilled and paid', () => {
  it.each([
    [
      { observability: { secondRegion: 'eu-west-1' } },
      'observability.secondRegion: eu-west-1 is the home region, which has dashboards and probes already; losing it would blind you',
    ],
    [
      { observability: { secondRegion: 'cn-north-1' } },
      'observability.secondRegion: cn-north-1 is outside the aws partition, where this deployment does not go',
    ],
    [{ observability: { probeIntervalMin: 61 } }, 'observability.probeIntervalMin: must be at most 60 minutes'],
    [{ alarms: { emails: ['nobody'] } }, 'alarms.emails.0: Invalid email address'],
    [{ alarms: { runbooksUrl: 'http://wiki.example' } }, 'alarms.runbooksUrl: is not an https URL'],
    [{ cost: { monthlyUsd: 0 } }, 'cost.monthlyUsd: must be more than 0'],
    [{ cost: { monthlyUsdOf: { 'eu-south-1': 5 } } }, 'cost.monthlyUsdOf.eu-south-1: serves no zone'],
    [{ drills: { durationMin: 9 } }, 'drills.durationMin: must be at most 8 minutes: the director must outlive the fault'],
    ...['rate(1 days)', 'rate(5 minute)', 'rate(0 days)', 'cron(0 9 * * TUE)', 'every month'].map((schedule): [object, string] => [
      { drills: { schedule } },
      'drills.schedule: is not an expression of EventBridge Scheduler such as rate(30 days) or cron(0 9 ? * TUE#1 *)',
    ]),
    [
      { drills: { schedule: 'cron(0 9 1 * TUE *)' } },
      'drills.schedule: cron(0 9 1 * TUE *) must have ? for the day of the month or for the day of the week, and not for both',
    ],
    [
      { drills: { schedule: 'cron(0 9 ? * ? *)' } },
      'drills.schedule: cron(0 9 ? * ? *) must have ? for the day of the month or for the day of the week, and not for both',
    ],
  ])('refuses %j', (changed, fault) => {
    expect(faultsOf(changed as Record<string, unknown>)).toEqual([fault])
  })

  it('takes the forms of schedules that EventBridge takes', () => {
    for (const schedule of ['rate(1 day)', 'rate(30 days)', 'cron(0 9 ? * TUE#1 *)', 'cron(15 10 1 * ? 2027)'])
      expect(faultsOf({ drills: { schedule } })).toEqual([])
  })

  it('is watched from the home region, and from the routing region or another one', () => {
    expect(watchingRegions(resolveDeployment(input))).toEqual(['eu-west-1', 'eu-north-1'])
    expect(watchingRegions(resolveDeployment({ ...input, observability: { secondRegion: 'eu-central-1' } }))).toEqual([
      'eu-west-1',
      'eu-central-1',
    ])
  })
})

describe('an organization', () => {
  const organization = { id: 'o-a1b2c3d4e5', targets: ['ou-ab12-cdefghij'] }
  const accounts = { ...prod.accounts, management: '999999999999' }

  it('is taken with its management account', () => {
    expect(faultsOf(withProd({ accounts, organization }))).toEqual([])
  })

  it.each([
    [{ accounts }, 'environments.prod.organization: accounts.management is given, so say which organization and whom to bind'],
    [{ organization }, 'environments.prod.accounts.management: organization is given, so say from which account it is managed'],
    [
      { accounts, organization: { ...organization, targets: ['999999999999'] } },
      'environments.prod.organization.targets: 999999999999 is the management account, which its own policies do not bind',
    ],
    [
      { accounts: { ...prod.accounts, management: prod.accounts.workload }, organization },
      `environments.prod.accounts.workload: ${prod.accounts.workload} is the management account too; no policy would bind what runs there`,
    ],
    [
      { accounts, organization: { ...organization, id: 'org-1' } },
      'environments.prod.organization.id: is not the id of an organization such as o-a1b2c3d4e5',
    ],
    [
      { accounts, organization: { ...organization, targets: [] } },
      'environments.prod.organization.targets: needs at least one root, organizational unit or account',
    ],
    [
      { accounts, organization: { ...organization, targets: ['everybody'] } },
      'environments.prod.organization.targets.0: is not the id of a root, an organizational unit or an account',
    ],
  ])('refuses %j', (changed, fault) => {
    expect(faultsOf(withProd(changed))).toEqual([fault])
  })
})

describe('what can be switched on', () => {
  const off = resolveDeployment(input)

  it('is off', () => {
    expect(off.network.firewall).toBe(false)
    expect([off.backup, off.breakGlass, off.regionSwitch, off.edge]).toEqual([undefined, undefined, undefined, undefined])
  })

  it('copies backups inside the zone: to the standby, back to the primary, and nowhere from a zone of one region', () => {
    const on = resolveDeployment({ ...input, backup: { copyInZone: true } })
    expect([copyRegionOf(on, 'eu-west-1', 'eu'), copyRegionOf(on, 'eu-central-1', 'eu'), copyRegionOf(on, 'us-east-1', 'us')]).toEqual([
      'eu-central-1',
      'eu-west-1',
      undefined,
    ])
    expect(copyRegionOf(resolveDeployment({ ...input, backup: {} }), 'eu-west-1', 'eu')).toBeUndefined()
  })

  it.each<[string, Record<string, unknown>, string]>([
    [
      'a copy where no zone has a second region',
      { zones: { eu: { regions: ['eu-west-1'] } }, backup: { copyInZone: true } },
      'backup.copyInZone: no zone has a second region, and a copy in another zone would export its data',
    ],
    [
      'a schedule that AWS Backup does not take',
      { backup: { schedule: 'rate(1 day)' } },
      'backup.schedule: is not an expression of AWS Backup such as cron(0 3 ? * * *)',
    ],
    ['a region to copy to, which config does not choose', { backup: { copyTo: 'us-east-1' } }, 'backup.copyTo: unknown key'],
    ['break-glass for nobody', { breakGlass: { principals: [] } }, 'breakGlass.principals: needs at least one role or user'],
    ['break-glass for everybody', { breakGlass: { principals: ['*'] } }, 'breakGlass.principals.0: is not the ARN of a role or user'],
    [
      'break-glass for the control plane',
      { breakGlass: { principals: ['arn:aws:iam::111111111111:role/x'] } },
      'breakGlass.principals.0: arn:aws:iam::111111111111:role/x is of the control account, which reads no data of tenants',
    ],
    [
      'a switch without a standby',
      { zones: { eu: { regions: ['eu-west-1'] } }, regionSwitch: {} },
      'regionSwitch: no zone has a standby to switch to',
    ],
    [
      'a switched check of a zone without a standby',
      { regionSwitch: { primaryHealthChecks: { us: '11111111-2222-4333-8444-555555555555' } } },
      'regionSwitch.primaryHealthChecks.us: no zone of this name has a standby',
    ],
    [
      'a health check that is none',
      { regionSwitch: { primaryHealthChecks: { eu: 'x' } } },
      'regionSwitch.primaryHealthChecks.eu: is not the id of a health check',
    ],
    [
      'a web ACL of a region',
      { edge: { webAclArn: 'arn:aws:wafv2:eu-west-1:222222222222:regional/webacl/a/b' } },
      'edge.webAclArn: is not the ARN of a web ACL for CloudFront, which is in us-east-1',
    ],
    [
      'a zone named like the edge',
      withZones({ discovery: { regions: ['ca-central-1'] } }),
      'zones.discovery: this name is taken by the edge',
    ],
  ])('refuses %s', (_, changed, fault) => {
    expect(faultsOf(changed)).toContain(fault)
  })
})
