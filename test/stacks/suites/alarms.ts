import { REGION_ALARMS, type RegionAlarm } from '../../../config/alarms.ts'
import { METRICS, type MetricName } from '../../../config/metrics.ts'
import { cellNames, sharedNames, stackNames } from '../../../config/names.ts'
import { regionsOf } from '../../../config/schema.ts'
import { DIMENSION_SETS, DIMENSIONS, metricNamespace } from '../../../config/telemetry.ts'
import { gatewayMetric } from '../../../lib/constructs/gateway-metric.ts'
import { resourcesOf, type Synthesized, type Template, theResource } from '../synthesized.ts'

/** CloudWatch: "an alarm based on a metric math expression can look at ten metrics". */
const METRICS_MAX = 10

export function alarmsSuite({ deployment, templates }: Synthesized): void {
  const cells = regionsOf(deployment).map(({ region, zone }) => {
    const stacks = [stackNames(deployment).gateway(region), stackNames(deployment).drills(region)].map((name) => templates.get(name))
    const alarms = new Map(
      stacks.flatMap((template) =>
        resourcesOf(template, 'AWS::CloudWatch::Alarm').map(([, { Properties }]) => [Properties.AlarmName, Properties]),
      ),
    )
    const names = cellNames(deployment, region, zone)
    // Not for people: what it does is the scaling's.
    alarms.delete(names.scalingAlarm)
    return { region, names, gateway: stacks[0] as Template, alarms }
  })

  it('has every alarm in every region, under its name from config', () => {
    const expected = Object.keys(REGION_ALARMS) as RegionAlarm[]
    for (const { names, alarms } of cells) expect([...alarms.keys()].toSorted()).toEqual(expected.map(names.alarm).toSorted())
  })

  it('leads from every alarm to its article, and names the region', () => {
    for (const { region, names, alarms } of cells) {
      for (const alarm of Object.keys(REGION_ALARMS) as RegionAlarm[]) {
        const { AlarmDescription } = alarms.get(names.alarm(alarm))
        expect(AlarmDescription).toBe(`${region}: ${REGION_ALARMS[alarm]}. What to do: runbooks/alarms/${alarm}.md`)
      }
    }
  })

  it("tells the region's own topic of every alarm", () => {
    for (const { names, gateway, alarms } of cells) {
      const [[topicId, topic] = ['', undefined]] = resourcesOf(gateway, 'AWS::SNS::Topic')
      expect(topic?.Properties.TopicName).toBe(names.alarmTopic)
      for (const [name, { AlarmActions }] of alarms)
        expect([name, AlarmActions]).toEqual([
          name,
          [name === names.alarm('drill-stop') ? expect.stringContaining(`:${names.alarmTopic}`) : { Ref: topicId }],
        ])
    }
  })

  it('lets CloudWatch of this account publish to the topic, and nobody without TLS', () => {
    for (const { names, gateway } of cells) {
      expect(theResource(gateway, 'AWS::SNS::TopicPolicy').Properties.PolicyDocument.Statement).toMatchObject([
        { Effect: 'Deny', Condition: { Bool: { 'aws:SecureTransport': 'false' } } },
        {
          Effect: 'Allow',
          Principal: { Service: 'cloudwatch.amazonaws.com' },
          Condition: { StringEquals: { 'aws:SourceAccount': names.account } },
        },
      ])
    }
  })

  it('watches metrics of gateways only by dimensions under which the collector keeps them', () => {
    let watched = 0
    for (const { alarms } of cells) {
      for (const [name, { Namespace, MetricName, Dimensions }] of alarms) {
        if (Namespace !== metricNamespace(deployment)) continue
        watched++
        expect([name, setsOf(MetricName)]).toEqual([name, expect.arrayContaining([namesOf(Dimensions)])])
      }
    }
    expect(watched).toBeGreaterThanOrEqual(9 * cells.length)
  })

  it('refuses a metric by dimensions that nobody writes, as an alarm on it would never ring', () => {
    expect(() => gatewayMetric(deployment, 'policyAge', { of: 'eu-west-1', only: { code: 'x' } })).toThrow(
      'aegis.policy.age is not kept by code,region',
    )
  })

  it('rings when nothing reports, and takes silence for no news elsewhere', () => {
    const missing = ['gateways-missing', 'telemetry-silent'] as RegionAlarm[]
    for (const { names, alarms } of cells) {
      const breaching = [...alarms].filter(([, { TreatMissingData }]) => TreatMissingData === 'breaching').map(([name]) => name)
      expect(breaching.toSorted()).toEqual(missing.map(names.alarm))
      for (const [name, { TreatMissingData }] of alarms) expect([name, TreatMissingData]).toEqual([name, expect.any(String)])
    }
  })

  it('warns at the age from config, and again when half of the time that is left has gone', () => {
    for (const { names, alarms } of cells) {
      expect(alarms.get(names.alarm('policy-age')).Threshold).toBe(deployment.bundleWarnAgeH * 3600)
      const { Threshold } = alarms.get(names.alarm('policy-expiring'))
      expect(Threshold).toBeGreaterThan(deployment.bundleWarnAgeH * 3600)
      expect(Threshold).toBeLessThan(deployment.bundleMaxAgeH * 3600)
    }
  })

  it('measures decisions by their 99th percentile, in seconds as the gateways report them', () => {
    for (const { names, alarms } of cells)
      expect(alarms.get(names.alarm('decision-latency'))).toMatchObject({
        MetricName: 'aegis.decision.duration',
        ExtendedStatistic: 'p99',
        Threshold: deployment.alarms.decisionP99Ms / 1000,
      })
  })

  it('looks at no more metrics in one alarm than CloudWatch takes, and at tables of the region only', () => {
    for (const { names, alarms } of cells) {
      for (const [name, { Metrics = [] }] of alarms) expect([name, Metrics.length <= METRICS_MAX]).toEqual([name, true])
      const tables = alarms
        .get(names.alarm('tables-throttled'))
        .Metrics.flatMap(({ MetricStat }: { MetricStat?: { Metric: { Dimensions: { Value: string }[] } } }) =>
          MetricStat === undefined ? [] : MetricStat.Metric.Dimensions.map(({ Value }) => Value),
        )
      const own = [
        sharedNames(deployment).globalTable,
        ...(['approvals', 'chains', 'slices', 'idempotency', 'region-state'] as const).map(names.table),
      ]
      expect([...new Set(tables)].toSorted()).toEqual(own.toSorted())
    }
  })
}

const namesOf = (dimensions: { Name: string }[]) =>
  dimensions
    .map(({ Name }) => Name)
    .toSorted()
    .join()

function setsOf(metricName: string): string[] {
  const [metric] = Object.entries(METRICS).find(([, name]) => name === metricName) ?? []
  return DIMENSION_SETS[metric as MetricName].map((set) =>
    set
      .map((dimension) => DIMENSIONS[dimension])
      .toSorted()
      .join(),
  )
}
