import { capacityOf } from '../../../config/capacity.ts'
import { cellNames, stackNames } from '../../../config/names.ts'
import { regionsOf } from '../../../config/schema.ts'
import { resourcesOf, type Synthesized, synthesize, type Template, theResource } from '../synthesized.ts'

export function gatewayScalingSuite({ deployment, templates }: Synthesized): void {
  const cells = regionsOf(deployment).map(({ region, zone }) => {
    const template = templates.get(stackNames(deployment).gateway(region)) as Template
    const policies = resourcesOf(template, 'AWS::ApplicationAutoScaling::ScalingPolicy')
    const tracking = policies.flatMap(([, { Properties }]) => Properties.TargetTrackingScalingPolicyConfiguration ?? [])
    return { region, names: cellNames(deployment, region, zone), template, policies, tracking, capacity: capacityOf(deployment, region) }
  })

  it('keeps between the least that another lost region takes and the most that config allows', () => {
    for (const { template, capacity } of cells)
      expect(theResource(template, 'AWS::ApplicationAutoScaling::ScalableTarget').Properties).toMatchObject({
        MinCapacity: capacity.minTasks,
        MaxCapacity: deployment.gateway.maxTasks,
      })
  })

  it('scales on CPU and requests, to targets that leave room for a lost region', () => {
    for (const { tracking, capacity } of cells) {
      const [cpu, requests] = tracking
      expect(cpu).toMatchObject({
        PredefinedMetricSpecification: { PredefinedMetricType: 'ECSServiceAverageCPUUtilization' },
        TargetValue: capacity.cpuPercent,
      })
      expect(requests.TargetValue).toBe(capacity.requestsPerTaskPerMin)
      expect(tracking).toHaveLength(2)
    }
  })

  it('counts requests of both groups, as a deployment changes them around', () => {
    for (const { template, tracking } of cells) {
      const { Metrics } = tracking[1].CustomizedMetricSpecification
      const agents = theResource({ Resources: agentsRule(template) }, 'AWS::ElasticLoadBalancingV2::ListenerRule').Properties
      const groups = agents.Actions[0].ForwardConfig.TargetGroups.map(
        ({ TargetGroupArn }: { TargetGroupArn: { Ref: string } }) => TargetGroupArn.Ref,
      )
      const counted = Metrics.flatMap(({ MetricStat }: { MetricStat?: { Metric: { Dimensions: { Value: unknown }[] } } }) =>
        (MetricStat?.Metric.Dimensions ?? []).map(({ Value }) => Value),
      )
      expect(counted).toEqual(groups.map((id: string) => ({ 'Fn::GetAtt': [id, 'TargetGroupFullName'] })))
      expect(Metrics.filter(({ ReturnData }: { ReturnData: boolean }) => ReturnData)).toMatchObject([
        { Expression: 'FILL(one, 0) + FILL(other, 0)' },
      ])
    }
  })

  it('adds gateways when decisions get slow, before anybody is woken, and takes none away for it', () => {
    for (const { names, template, policies } of cells) {
      const [[stepsId, steps] = ['', undefined]] = policies.filter(([, { Properties }]) => Properties.PolicyType === 'StepScaling')
      const { StepAdjustments } = steps?.Properties.StepScalingPolicyConfiguration ?? {}
      expect(StepAdjustments.every(({ ScalingAdjustment }: { ScalingAdjustment: number }) => ScalingAdjustment > 0)).toBe(true)
      const alarms = resourcesOf(template, 'AWS::CloudWatch::Alarm').map(([, { Properties }]) => Properties)
      const [slow, waking] = [names.scalingAlarm, names.alarm('decision-latency')].map((name) =>
        alarms.find(({ AlarmName }) => AlarmName === name),
      )
      expect(slow).toMatchObject({
        MetricName: 'aegis.decision.duration',
        ExtendedStatistic: 'p95',
        Threshold: deployment.gateway.scaleOutP95Ms / 1000,
        AlarmActions: [{ Ref: stepsId }],
        // No value, no gateway: CPU and requests go on.
        TreatMissingData: 'notBreaching',
      })
      expect(slow.Threshold).toBeLessThan(waking.Threshold)
      expect(slow.EvaluationPeriods).toBeLessThan(waking.DatapointsToAlarm)
    }
  })

  it('wants as many gateways to answer as the region needs, by the group that has them', () => {
    for (const { names, template, capacity } of cells) {
      const missing = resourcesOf(template, 'AWS::CloudWatch::Alarm').find(
        ([, { Properties }]) => Properties.AlarmName === names.alarm('gateways-missing'),
      )?.[1].Properties
      expect(missing.Threshold).toBe(capacity.minTasks)
      expect(missing.Metrics[0].Expression).toBe('MAX([FILL(one, 0), FILL(other, 0)])')
    }
  })

  it('gives a standby what its primary needs, from the peak in config', () => {
    const zones = { eu: { regions: ['eu-west-1', 'eu-central-1'], primary: 'eu-west-1', standby: 'eu-central-1' } }
    const gateway = { callsPerTask: 100, peakCallsPerSecond: { zones: { eu: 450 } } }
    const { templates: few, deployment: small } = synthesize({ zones, homeRegion: 'eu-west-1', gateway })
    const least = zones.eu.regions.map(
      (region) =>
        theResource(few.get(stackNames(small).gateway(region)), 'AWS::ApplicationAutoScaling::ScalableTarget').Properties.MinCapacity,
    )
    expect(least).toEqual([5, 5])
  })
}

function agentsRule({ Resources }: Template): Template['Resources'] {
  return Object.fromEntries(
    Object.entries(Resources).filter(
      ([id, { Type }]) => id.startsWith('EntranceGateways') && Type === 'AWS::ElasticLoadBalancingV2::ListenerRule',
    ),
  )
}
