import { CfnPlan } from 'aws-cdk-lib/aws-arcregionswitch'
import { PolicyStatement, Role, ServicePrincipal } from 'aws-cdk-lib/aws-iam'
import { Construct } from 'constructs'
import type { RegionAlarm } from '../../config/alarms.ts'
import { cellNames, publicNames, zoneNames } from '../../config/names.ts'
import { type Deployment, primaryOf } from '../../config/schema.ts'
import { acknowledge, acknowledgeOwnPolicy } from '../nag/acknowledge.ts'
import { alarmArn, hostedZoneArn, roleArn } from './arns.ts'

export interface RegionSwitchProps {
  readonly deployment: Deployment
  /** A zone with a standby. */
  readonly zone: string
  readonly hostedZoneId: string
  /** The region that holds the plan's role. */
  readonly region: string
}

/** Alarms of a region that say whether it serves. ARC measures by them how long a recovery really took; none starts one. */
const HEALTH_ALARMS: readonly RegionAlarm[] = ['gateways-missing', 'gateway-errors']

/** What a recovery with Route 53 alone takes at best is about 90 seconds; ARC's own advice for an honest promise is ten minutes. */
const RECOVERY_MIN = 10

/**
 * By this plan people move a zone to its standby, or back, while its health checks see nothing wrong: slow answers, wrong answers, a
 * region that AWS warns of. Its one step sets a health check of Route 53, whose data plane is in every region; ARC's is in both regions of
 * the plan. No record is edited, nothing is deployed, and the step needs no role (ARC developer guide, "Plan execution role trust policy").
 */
export class RegionSwitch extends Construct {
  constructor(scope: Construct, id: string, { deployment, zone, hostedZoneId, region }: RegionSwitchProps) {
    super(scope, id)
    const names = zoneNames(deployment, zone)
    const primary = primaryOf(deployment, zone)
    const { standby } = deployment.zones[zone] ?? {}
    if (standby === undefined) throw new Error(`zones.${zone}: has no standby to switch to`)
    const regions = [primary, standby]
    const alarms = regions.flatMap((place) =>
      HEALTH_ALARMS.map((alarm) => alarmArn(place, names.account, cellNames(deployment, place, zone).alarm(alarm))),
    )
    const role = lookingRole(this, { name: names.regionSwitchRole, account: names.account, zone, hostedZoneId, alarms, region })
    const recordName = publicNames(deployment).zone(zone)
    const plan = new CfnPlan(this, 'Plan', {
      name: names.regionSwitch,
      description: `Moves ${recordName} between ${primary} and ${standby}`,
      recoveryApproach: 'activePassive',
      regions,
      primaryRegion: primary,
      recoveryTimeObjectiveMinutes: RECOVERY_MIN,
      executionRole: role.roleArn,
      associatedAlarms: Object.fromEntries(
        alarms.map((arn) => [arn.slice(arn.lastIndexOf(':') + 1), { alarmType: 'applicationHealth', resourceIdentifier: arn }]),
      ),
      workflows: regions.map((target) => ({
        workflowTargetAction: 'activate',
        workflowTargetRegion: target,
        workflowDescription: `${recordName} is answered with ${target}`,
        steps: [
          {
            name: 'dns',
            executionBlockType: 'Route53HealthCheck',
            executionBlockConfiguration: {
              route53HealthCheckConfig: {
                hostedZoneId,
                recordName,
                recordSets: regions.map((place) => ({ recordSetIdentifier: place, region: place })),
                timeoutMinutes: RECOVERY_MIN,
              },
            },
          },
        ],
      })),
    })
    plan.node.addDependency(role)
  }
}

interface LookingRoleProps {
  readonly name: string
  readonly account: string
  readonly zone: string
  readonly hostedZoneId: string
  readonly alarms: readonly string[]
  readonly region: string
}

/** What ARC checks the plan with every half hour, and measures its alarms by: it reads, and moves nothing. */
function lookingRole(scope: Construct, { name, account, zone, hostedZoneId, alarms, region }: LookingRoleProps): Role {
  const role = new Role(scope, 'Role', {
    roleName: name,
    description: `Lets ARC look at the records and alarms of zone ${zone}`,
    assumedBy: new ServicePrincipal('arc-region-switch.amazonaws.com', { conditions: { StringEquals: { 'aws:SourceAccount': account } } }),
  })
  const records = hostedZoneArn(hostedZoneId)
  const itself = roleArn(account, name)
  role.addToPolicy(new PolicyStatement({ sid: 'ReadRecords', actions: ['route53:ListResourceRecordSets'], resources: [records] }))
  role.addToPolicy(
    new PolicyStatement({
      sid: 'ReadAlarms',
      actions: ['cloudwatch:DescribeAlarms', 'cloudwatch:DescribeAlarmHistory'],
      resources: [...alarms],
    }),
  )
  // By it the plan's evaluation tells what the role lacks, before somebody needs the plan.
  role.addToPolicy(new PolicyStatement({ sid: 'ReadOwnRights', actions: ['iam:SimulatePrincipalPolicy'], resources: [itself] }))
  acknowledge(role, {
    [`Aegis-RoleStaysInRegion[Resource::${records}]`]: 'records have no region; it can read them alone',
    [`Aegis-RoleStaysInRegion[Resource::${itself}]`]: 'roles have no region; it can read its own rights alone',
    ...Object.fromEntries(
      alarms
        .filter((arn) => arn.split(':')[3] !== region)
        .map((arn) => [
          `Aegis-RoleStaysInRegion[Resource::${arn}]`,
          'a plan looks at both of its regions; an alarm is a state and no data',
        ]),
    ),
  })
  acknowledgeOwnPolicy(role)
  return role
}
