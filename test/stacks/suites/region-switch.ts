import { cellNames, stackNames } from '../../../config/names.ts'
import { resourcesOf, type Synthesized, theResource } from '../synthesized.ts'

export function regionSwitchSuite(off: Synthesized, on: Synthesized): void {
  const { deployment } = on
  const stack = stackNames(deployment).routing
  const template = on.templates.get(stack)
  const recordOf = (failover: string) =>
    resourcesOf(template, 'AWS::Route53::RecordSet').find(
      ([, { Properties }]) => Properties.Failover === failover && Properties.Name === 'eu.aegis.example.',
    )?.[1].Properties
  const checkOf = (record: { HealthCheckId: { Ref: string } }) =>
    template?.Resources[record.HealthCheckId.Ref]?.Properties.HealthCheckConfig

  it('has a plan for the zone with a standby, and none for the others', () => {
    expect(theResource(template, 'AWS::ARCRegionSwitch::Plan').Properties).toMatchObject({
      Name: 'aegis-prod-eu',
      RecoveryApproach: 'activePassive',
      Regions: ['eu-west-1', 'eu-central-1'],
      PrimaryRegion: 'eu-west-1',
    })
    expect(resourcesOf(off.templates.get(stack), 'AWS::ARCRegionSwitch::Plan')).toEqual([])
  })

  it('moves a zone by a health check alone, to either region, started by people alone', () => {
    const { Workflows, Triggers, AssociatedAlarms } = theResource(template, 'AWS::ARCRegionSwitch::Plan').Properties
    const step = {
      ExecutionBlockType: 'Route53HealthCheck',
      ExecutionBlockConfiguration: {
        Route53HealthCheckConfig: {
          RecordName: 'eu.aegis.example',
          RecordSets: ['eu-west-1', 'eu-central-1'].map((region) => ({ RecordSetIdentifier: region, Region: region })),
        },
      },
    }
    expect(Workflows).toMatchObject(
      ['eu-west-1', 'eu-central-1'].map((region) => ({ WorkflowTargetAction: 'activate', WorkflowTargetRegion: region, Steps: [step] })),
    )
    expect(Triggers).toBeUndefined()
    expect(new Set(Object.values(AssociatedAlarms as Record<string, { AlarmType: string }>).map(({ AlarmType }) => AlarmType))).toEqual(
      new Set(['applicationHealth']),
    )
  })

  it('looks at alarms that each region has', () => {
    const { AssociatedAlarms } = theResource(template, 'AWS::ARCRegionSwitch::Plan').Properties
    const known = ['eu-west-1', 'eu-central-1'].flatMap((region) =>
      resourcesOf(on.templates.get(stackNames(deployment).gateway(region)), 'AWS::CloudWatch::Alarm').map(
        ([, { Properties }]) => `arn:aws:cloudwatch:${region}:${cellNames(deployment, region, 'eu').account}:alarm:${Properties.AlarmName}`,
      ),
    )
    const watched = Object.values(AssociatedAlarms as Record<string, { ResourceIdentifier: string }>).map(
      ({ ResourceIdentifier }) => ResourceIdentifier,
    )
    expect(watched).toHaveLength(4)
    expect(known).toEqual(expect.arrayContaining(watched))
  })

  it('gives its role nothing but looking', () => {
    const policy = resourcesOf(template, 'AWS::IAM::Policy').find(([id]) => id.startsWith('Switcheu'))
    const actions = policy?.[1].Properties.PolicyDocument.Statement.flatMap(({ Action }: { Action: string | string[] }) => Action)
    expect(actions.toSorted()).toEqual([
      'cloudwatch:DescribeAlarmHistory',
      'cloudwatch:DescribeAlarms',
      'iam:SimulatePrincipalPolicy',
      'route53:ListResourceRecordSets',
    ])
  })

  it('answers with the primary while it serves and nobody has switched; the standby keeps its own check', () => {
    const primary = checkOf(recordOf('PRIMARY'))
    expect(primary).toMatchObject({
      Type: 'CALCULATED',
      HealthThreshold: 2,
      ChildHealthChecks: [{ Ref: expect.any(String) }, '11111111-2222-4333-8444-555555555555'],
    })
    expect(template?.Resources[primary.ChildHealthChecks[0].Ref]?.Properties.HealthCheckConfig.FullyQualifiedDomainName).toBe(
      'eu-west-1.aegis.example',
    )
    expect(checkOf(recordOf('SECONDARY'))).toMatchObject({ Type: 'HTTPS', FullyQualifiedDomainName: 'eu-central-1.aegis.example' })
  })

  it('detects a lost region in half a minute and is answered for a minute at most, switched on or off', () => {
    for (const { templates } of [off, on]) {
      const endpoints = resourcesOf(templates.get(stack), 'AWS::Route53::HealthCheck').filter(
        ([, { Properties }]) => Properties.HealthCheckConfig.Type === 'HTTPS',
      )
      expect(endpoints).toHaveLength(4)
      for (const [, { Properties }] of endpoints)
        expect(Properties.HealthCheckConfig).toMatchObject({ RequestInterval: 10, FailureThreshold: 3 })
      for (const [, { Properties }] of resourcesOf(templates.get(stack), 'AWS::Route53::RecordSet'))
        expect(Number(Properties.TTL)).toBeLessThanOrEqual(60)
    }
  })
}
