import { cellNames, stackNames } from '../../../config/names.ts'
import { regionsOf } from '../../../config/schema.ts'
import { DEPLOYMENT_ALARMS } from '../../../lib/constructs/gateway-service.ts'
import { type Resource, resourcesOf, type Synthesized, type Template, theResource } from '../synthesized.ts'

export function gatewayDeploymentSuite({ deployment, templates }: Synthesized): void {
  const cells = regionsOf(deployment).map(({ region, zone }) => {
    const template = templates.get(stackNames(deployment).gateway(region)) as Template
    return { region, names: cellNames(deployment, region, zone), template, service: theResource(template, 'AWS::ECS::Service').Properties }
  })

  it('gives a new version few calls first, then all, and keeps the old one for a while', () => {
    const { canaryPercent, canaryBakeMin, bakeMin } = deployment.gateway
    for (const { service } of cells) {
      expect(service.DeploymentConfiguration).toMatchObject({
        Strategy: 'CANARY',
        CanaryConfiguration: { CanaryPercent: canaryPercent, CanaryBakeTimeInMinutes: canaryBakeMin },
        BakeTimeInMinutes: bakeMin,
        MinimumHealthyPercent: 100,
      })
      expect(service.DesiredCount).toBeUndefined()
    }
  })

  it('takes a version back for which an alarm rings, or whose tasks do not start', () => {
    for (const { names, template, service } of cells) {
      expect(service.DeploymentConfiguration).toMatchObject({
        Alarms: { Enable: true, Rollback: true, AlarmNames: DEPLOYMENT_ALARMS.map(names.alarm) },
        DeploymentCircuitBreaker: { Enable: true, Rollback: true },
      })
      expect(service.DeploymentConfiguration.Alarms.AlarmNames).toContain(names.alarm('gateway-errors'))
      expect(alarmsNotBefore(template)).toEqual([])
    }
  })

  it('would see an alarm that the service does not wait for, as ECS refuses to watch what is not there', () => {
    const { template } = cells[0] as (typeof cells)[number]
    const without = structuredClone(template)
    const [[, service] = ['', undefined]] = resourcesOf(without, 'AWS::ECS::Service') as [string, Resource & { DependsOn?: string[] }][]
    if (service !== undefined) service.DependsOn = []
    expect(alarmsNotBefore(without)).toEqual(DEPLOYMENT_ALARMS.map((cells[0] as (typeof cells)[number]).names.alarm))
  })

  it('moves calls by the rules of both load balancers, each between two groups', () => {
    for (const { template, service, names } of cells) {
      const rules = resourcesOf(template, 'AWS::ElasticLoadBalancingV2::ListenerRule')
      expect(rules).toHaveLength(2)
      expect(service.LoadBalancers).toEqual(
        rules.map(([ruleId, { Properties }], index) => {
          const [now, next] = Properties.Actions[0].ForwardConfig.TargetGroups
          expect([now.Weight, next.Weight]).toEqual([100, 0])
          expect(Properties.Conditions).toEqual([{ Field: 'path-pattern', PathPatternConfig: { Values: ['*'] } }])
          return {
            ContainerName: 'gateway',
            ContainerPort: [8080, 8081][index],
            TargetGroupArn: now.TargetGroupArn,
            AdvancedConfiguration: {
              AlternateTargetGroupArn: next.TargetGroupArn,
              ProductionListenerRule: { Ref: ruleId },
              RoleArn: { 'Fn::GetAtt': [expect.stringMatching(/^GatewayTraffic/), 'Arn'] },
            },
          }
        }),
      )
      const roles = resourcesOf(template, 'AWS::IAM::Role').map(([, { Properties }]) => Properties)
      expect(roles.find(({ RoleName }) => RoleName === names.trafficRole).AssumeRolePolicyDocument.Statement).toMatchObject([
        { Principal: { Service: 'ecs.amazonaws.com' }, Condition: { StringEquals: { 'aws:SourceAccount': names.account } } },
      ])
    }
  })

  it('answers nothing by a listener itself: its default action is no way around the rule', () => {
    for (const { template } of cells)
      for (const [, { Properties }] of resourcesOf(template, 'AWS::ElasticLoadBalancingV2::Listener'))
        expect(Properties.DefaultActions).toEqual([{ Type: 'fixed-response', FixedResponseConfig: { StatusCode: '404' } }])
  })

  it('lets ECS move calls of these gateways, and change nothing else of load balancing', () => {
    for (const { region, template } of cells) {
      const policies = resourcesOf(template, 'AWS::IAM::Policy').filter(([id]) => id.startsWith('GatewayTraffic'))
      const statements = policies.flatMap(([, { Properties }]) => Properties.PolicyDocument.Statement)
      const ids = (type: string) => resourcesOf(template, type).map(([id]) => ({ Ref: id }))
      expect(statements).toMatchObject([
        { Sid: 'SeeTraffic', Resource: '*', Condition: { StringEquals: { 'aws:RequestedRegion': region } } },
        { Sid: 'RegisterGateways', Resource: ids('AWS::ElasticLoadBalancingV2::TargetGroup') },
        {
          Sid: 'WeighTraffic',
          Action: 'elasticloadbalancing:ModifyRule',
          Resource: ids('AWS::ElasticLoadBalancingV2::ListenerRule'),
        },
      ])
      expect(statements[0].Action.every((action: string) => /^elasticloadbalancing:Describe/.test(action))).toBe(true)
    }
  })

  it('sees errors of a few calls: those of each group by itself, beside those of all', () => {
    for (const { names, template } of cells) {
      const errors = alarmNamed(template, names.alarm('gateway-errors'))
      const groups = new Set(
        errors.Metrics.flatMap(({ MetricStat }: { MetricStat?: { Metric: { Dimensions: { Name: string; Value: unknown }[] } } }) =>
          (MetricStat?.Metric.Dimensions ?? []).filter(({ Name }) => Name === 'TargetGroup').map(({ Value }) => JSON.stringify(Value)),
        ),
      )
      expect(groups.size).toBe(2)
      const [{ Expression }] = errors.Metrics.filter((metric: { Expression?: string }) => metric.Expression !== undefined)
      expect(Expression).toMatch(/^MAX\(\[IF\(.*errors.*IF\(.*errorsOne.*IF\(.*errorsOther/)
      // A share that the whole region's percentage would not show.
      expect(deployment.gateway.canaryPercent).toBeGreaterThanOrEqual(errors.Threshold)
    }
  })
}

const alarmNamed = (template: Template, name: string) =>
  resourcesOf(template, 'AWS::CloudWatch::Alarm').find(([, { Properties }]) => Properties.AlarmName === name)?.[1].Properties

/** Alarms that the service watches and that may be made after it. */
function alarmsNotBefore(template: Template): string[] {
  const [[, service] = ['', undefined]] = resourcesOf(template, 'AWS::ECS::Service') as [string, Resource & { DependsOn?: string[] }][]
  const before = (service?.DependsOn ?? []).map((id) => template.Resources[id]?.Properties?.AlarmName)
  return service?.Properties.DeploymentConfiguration.Alarms.AlarmNames.filter((name: string) => !before.includes(name))
}
