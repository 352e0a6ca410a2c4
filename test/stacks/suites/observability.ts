import { articlePath, WATCH_ALARMS } from '../../../config/alarms.ts'
import { METRICS, type MetricName } from '../../../config/metrics.ts'
import { cellNames, publicNames, stackNames, watchNames } from '../../../config/names.ts'
import { regionsOf, watchingRegions } from '../../../config/schema.ts'
import { DIMENSION_SETS, DIMENSIONS, metricNamespace } from '../../../config/telemetry.ts'
import { resourcesOf, type Synthesized, type Template, theResource } from '../synthesized.ts'
import { SCHEDULE } from './drill-director.ts'

interface Widget {
  type: string
  properties: { title?: string; region?: string; alarms?: string[]; metrics?: unknown[][] }
}

/** A metric of a graph: namespace, name, pairs of dimensions, and options. */
interface Line {
  namespace: string
  name: string
  dimensions: Record<string, string>
  region: string
}

export function observabilitySuite({ deployment, templates }: Synthesized): void {
  const [home, second] = watchingRegions(deployment)
  const regions = regionsOf(deployment).map(({ region }) => region)
  const { workload: account } = deployment.accounts
  const views = [home, second].map((region) => {
    const template = templates.get(stackNames(deployment).observability(region))
    return { region, names: watchNames(deployment, region), template, widgets: widgetsOf(template, region) }
  })

  it('is in the home region and in a second one that serves nobody by default', () => {
    expect([home, second]).toEqual([deployment.homeRegion, deployment.routingRegion])
  })

  it('has one dashboard in each, and the same one', () => {
    for (const { names, template } of views)
      expect(theResource(template, 'AWS::CloudWatch::Dashboard').Properties.DashboardName).toBe(names.dashboard)
    const [one, other] = views.map(({ widgets }) => widgets.map(({ properties }) => properties.title))
    expect(other).toEqual(one)
  })

  it('shows what was promised, each with a line for every region', () => {
    const promised = [
      /decision P95/,
      /decision P99/,
      /availability: calls with a verdict/,
      /availability: probes/,
      /another region/,
      /USD per million decisions/,
      /age in hours/,
      /the budget that is used the most/,
      /held by silent processes/,
      /that were refused/,
      /not kept for replays/,
    ]
    for (const { region, widgets } of views) {
      for (const title of promised) {
        const found = widgets.find(({ properties }) => title.test(properties.title ?? ''))
        expect([String(title), found?.type]).toEqual([String(title), 'metric'])
        const text = JSON.stringify(found?.properties.metrics)
        expect([region, String(title), regions.filter((name) => !text.includes(name))]).toEqual([region, String(title), []])
      }
    }
  })

  it("reads each region's metrics in that region", () => {
    for (const { region, widgets } of views) {
      const lines = widgets.flatMap((widget) => linesOf(widget, region))
      expect(lines.length).toBeGreaterThan(40)
      for (const line of lines) {
        const of = line.dimensions['cloud.region']
        if (of !== undefined) expect([line.name, line.region]).toEqual([line.name, of])
        if (line.dimensions.ClusterName !== undefined) expect(line.dimensions.ClusterName.endsWith(`-${line.region}`)).toBe(true)
      }
    }
  })

  it('graphs metrics of gateways only by dimensions under which the collector keeps them', () => {
    for (const { region, widgets } of views) {
      const own = widgets.flatMap((widget) => linesOf(widget, region)).filter(({ namespace }) => namespace === metricNamespace(deployment))
      expect(own.length).toBeGreaterThan(20)
      for (const { name, dimensions } of own) {
        const [metric] = Object.entries(METRICS).find(([, known]) => known === name) ?? []
        const sets = DIMENSION_SETS[metric as MetricName].map((set) =>
          set
            .map((dimension) => DIMENSIONS[dimension])
            .toSorted()
            .join(),
        )
        expect([name, sets]).toEqual([name, expect.arrayContaining([Object.keys(dimensions).toSorted().join()])])
      }
    }
  })

  it('shows the alarms of every region by names that exist there', () => {
    for (const { widgets } of views) {
      const shown = widgets.flatMap(({ properties }) => properties.alarms ?? [])
      for (const { region, zone } of regionsOf(deployment)) {
        const { account, scalingAlarm } = cellNames(deployment, region, zone)
        const alarms = resourcesOf(templates.get(stackNames(deployment).gateway(region)), 'AWS::CloudWatch::Alarm')
        const forPeople = alarms.map(([, { Properties }]) => Properties.AlarmName).filter((name) => name !== scalingAlarm)
        const arns = forPeople.map((name) => `arn:aws:cloudwatch:${region}:${account}:alarm:${name}`)
        expect(shown.filter((arn) => arn.includes(`:${region}:`)).toSorted()).toEqual(arns.toSorted())
      }
    }
  })

  it('probes every region, zone and the global name from both, and calls once without a token', () => {
    const names = publicNames(deployment)
    for (const { region, names: own, template } of views) {
      const { Name, Code, Schedule, ArtifactS3Location, RuntimeVersion } = theResource(template, 'AWS::Synthetics::Canary').Properties
      expect([Name, ArtifactS3Location]).toEqual([own.probe, `s3://${own.probeBucket}/runs`])
      expect(RuntimeVersion).toMatch(/^syn-nodejs-puppeteer-\d+\.\d+$/)
      expect(Schedule.Expression).toMatch(SCHEDULE)
      const [, json = ''] = /^const TARGETS = (.*)$/m.exec(Code.Script) ?? []
      const targets: { step: string; url: string; expect: number }[] = JSON.parse(json)
      const urls = targets.map(({ url }) => url)
      for (const url of [...regions.map(names.regionUrl), ...Object.keys(deployment.zones).map(names.zoneUrl), names.globalUrl])
        expect([region, urls]).toEqual([region, expect.arrayContaining([`${url}/health/region`])])
      expect(targets.filter(({ expect }) => expect === 401).map(({ url }) => url)).toEqual(
        regions.map((name) => `${names.regionUrl(name)}/v1/decisions`),
      )
      expect(new Set(targets.map(({ step }) => step)).size).toBe(targets.length)
    }
  })

  it('rings about every region from both, by steps that the probe has, and leads to the article', () => {
    for (const { region, names, template } of views) {
      const alarms = new Map(
        resourcesOf(template, 'AWS::CloudWatch::Alarm').map(([, { Properties }]) => [Properties.AlarmName, Properties]),
      )
      const script: string = theResource(template, 'AWS::Synthetics::Canary').Properties.Code.Script
      for (const about of regions) {
        for (const name of ['probe-failed', 'probe-open'] as const) {
          const alarm = alarms.get(names.alarm(name, about))
          expect(alarm).toMatchObject({
            Namespace: 'CloudWatchSynthetics',
            MetricName: 'SuccessPercent',
            TreatMissingData: 'breaching',
            AlarmDescription: `${about}: ${WATCH_ALARMS[name]}. What to do: ${articlePath(name)}`,
          })
          const step = alarm.Dimensions.find(({ Name }: { Name: string }) => Name === 'StepName').Value
          expect(script).toContain(`"step":${JSON.stringify(step)}`)
        }
        const lag = region === home && about !== home
        expect([about, alarms.has(names.alarm('replication-lag', about))]).toEqual([about, lag])
      }
    }
  })

  it('has a budget and an anomaly monitor for each region, once', () => {
    const budgets = resourcesOf(views[0]?.template, 'AWS::Budgets::Budget').map(([, { Properties }]) => Properties)
    expect(budgets.map(({ Budget }) => [Budget.CostFilters, Budget.BudgetType, Budget.TimeUnit])).toEqual(
      regions.map((region) => [{ Region: [region] }, 'COST', 'MONTHLY']),
    )
    for (const { Budget, NotificationsWithSubscribers } of budgets) {
      expect(Budget.BudgetLimit).toEqual({ Amount: deployment.cost.monthlyUsd, Unit: 'USD' })
      expect(NotificationsWithSubscribers.map(({ Notification: one }: { Notification: Record<string, unknown> }) => one)).toEqual([
        { NotificationType: 'ACTUAL', Threshold: 80, ThresholdType: 'PERCENTAGE', ComparisonOperator: 'GREATER_THAN' },
        { NotificationType: 'ACTUAL', Threshold: 100, ThresholdType: 'PERCENTAGE', ComparisonOperator: 'GREATER_THAN' },
        { NotificationType: 'FORECASTED', Threshold: 100, ThresholdType: 'PERCENTAGE', ComparisonOperator: 'GREATER_THAN' },
      ])
      for (const { Subscribers } of NotificationsWithSubscribers)
        expect(Subscribers).toEqual([{ SubscriptionType: 'SNS', Address: { Ref: expect.any(String) } }])
    }
    const monitors = resourcesOf(views[0]?.template, 'AWS::CE::AnomalyMonitor').map(([, { Properties }]) => Properties)
    expect(monitors.map(({ MonitorType, MonitorSpecification }) => [MonitorType, JSON.parse(MonitorSpecification).Tags])).toEqual(
      regions.map((region) => ['CUSTOM', { Key: 'aegis:region', Values: [region], MatchOptions: ['EQUALS'] }]),
    )
    const subscription = theResource(views[0]?.template, 'AWS::CE::AnomalySubscription').Properties
    expect([subscription.Frequency, subscription.MonitorArnList.length]).toEqual(['IMMEDIATE', regions.length])
    expect(JSON.parse(subscription.ThresholdExpression).Dimensions.Values).toEqual([String(deployment.cost.anomalyUsd)])
    for (const type of ['AWS::Budgets::Budget', 'AWS::CE::AnomalyMonitor', 'AWS::CE::AnomalySubscription'])
      expect(resourcesOf(views[1]?.template, type)).toEqual([])
  })

  it('lets billing services of this account publish in the home region alone', () => {
    const publishers = views.map(({ template }) =>
      theResource(template, 'AWS::SNS::TopicPolicy').Properties.PolicyDocument.Statement.flatMap(
        ({ Effect, Principal, Condition }: { Effect: string; Principal: { Service: string }; Condition: unknown }) =>
          Effect === 'Allow' ? [[Principal.Service, Condition]] : [],
      ),
    )
    const ours = { StringEquals: { 'aws:SourceAccount': account } }
    expect(publishers).toEqual([
      ['cloudwatch', 'budgets', 'costalerts'].map((service) => [`${service}.amazonaws.com`, ours]),
      [['cloudwatch.amazonaws.com', ours]],
    ])
  })

  it('gives the probe a role that writes its own runs, logs and metrics, and reads nothing', () => {
    for (const { template } of views) {
      const statements: { Action: string | string[] }[] = theResource(template, 'AWS::IAM::Policy').Properties.PolicyDocument.Statement
      expect(statements.flatMap(({ Action }) => Action).toSorted()).toEqual([
        'cloudwatch:PutMetricData',
        'logs:CreateLogGroup',
        'logs:CreateLogStream',
        'logs:PutLogEvents',
        's3:GetBucketLocation',
        's3:PutObject',
      ])
    }
  })
}

/** The widgets of a dashboard, whose body is a text with references to its own region. */
function widgetsOf(template: Template | undefined, region: string): Widget[] {
  const { DashboardBody: body } = theResource(template, 'AWS::CloudWatch::Dashboard').Properties
  const parts: unknown[] = typeof body === 'string' ? [body] : body['Fn::Join'][1]
  const text = parts.map((part) => (typeof part === 'string' ? part : region)).join('')
  return JSON.parse(text).widgets
}

function linesOf({ properties }: Widget, own: string): Line[] {
  return (properties.metrics ?? []).flatMap((metric) => {
    const [first] = metric
    if (typeof first !== 'string') return []
    const options = metric.at(-1) as { region?: string }
    const parts = metric.filter((part): part is string => typeof part === 'string')
    const [namespace = '', name = '', ...pairs] = parts
    const dimensions = Object.fromEntries(pairs.flatMap((part, index) => (index % 2 === 0 ? [[part, pairs[index + 1] ?? '']] : [])))
    return [{ namespace, name, dimensions, region: (typeof options === 'object' ? options.region : undefined) ?? properties.region ?? own }]
  })
}
