import {
  Alarm,
  AlarmStatusWidget,
  Dashboard,
  GraphWidget,
  type IMetric,
  type IWidget,
  MathExpression,
  Metric,
  Stats,
  TextWidget,
} from 'aws-cdk-lib/aws-cloudwatch'
import { Duration } from 'aws-cdk-lib/core'
import { Construct } from 'constructs'
import { REGION_ALARMS, type RegionAlarm } from '../../config/alarms.ts'
import type { MetricName } from '../../config/metrics.ts'
import { cellNames, sharedNames, watchNames } from '../../config/names.ts'
import { type PriceList, priceOf } from '../../config/prices.ts'
import { type Deployment, regionsOf, watchingRegions } from '../../config/schema.ts'
import { alarmArn } from './arns.ts'
import { gatewayMetric } from './gateway-metric.ts'
import { probeStep, probeSuccess } from './probe.ts'

export interface OverviewProps {
  readonly deployment: Deployment
  /** The region in which this copy is. */
  readonly region: string
  readonly prices: PriceList
}

type Cells = ReturnType<typeof regionsOf>

const PERIOD = Duration.minutes(5)
const HALF = 12
const THIRD = 8
const HEIGHT = 6
/** Alarms that say how a region does; the button that stops drills is none of them. */
const SHOWN_ALARMS = Object.keys(REGION_ALARMS).filter((alarm) => alarm !== 'drill-stop') as RegionAlarm[]

/** Everything at a glance, one line a region in every graph. Each graph reads its regions' own CloudWatch, so a lost region is a gap and no more. */
export class Overview extends Construct {
  constructor(scope: Construct, id: string, { deployment, region, prices }: OverviewProps) {
    super(scope, id)
    const cells = regionsOf(deployment)
    const dashboard = new Dashboard(this, 'Dashboard', {
      dashboardName: watchNames(deployment, region).dashboard,
      defaultInterval: Duration.hours(6),
    })
    dashboard.addWidgets(introduction(deployment, region))
    dashboard.addWidgets(...cells.map((cell) => alarmsOf(this, deployment, cell, Math.floor(24 / cells.length))))
    dashboard.addWidgets(latency(deployment, cells, 95), latency(deployment, cells, 99))
    dashboard.addWidgets(answered(deployment, cells), seenFromOutside(deployment))
    dashboard.addWidgets(refused(deployment, cells), crossRegion(deployment, cells), cost(deployment, cells, prices))
    dashboard.addWidgets(
      each(deployment, cells, 'bundle and directory: age in hours', 'policyAge', Stats.MAXIMUM, (age) => `${age} / 3600`),
      each(deployment, cells, 'bundles and directories that were refused', 'activationRefused', Stats.SUM),
      each(deployment, cells, 'decisions not kept for replays', 'recorderDropped', Stats.SUM),
    )
    dashboard.addWidgets(
      each(deployment, cells, 'the budget that is used the most, percent', 'budgetUsed', Stats.MAXIMUM, (share) => `100 * ${share}`),
      each(
        deployment,
        cells,
        'of a budget, held by silent processes, percent',
        'budgetStranded',
        Stats.MAXIMUM,
        (share) => `100 * ${share}`,
      ),
      exhausted(deployment, cells),
    )
    dashboard.addWidgets(
      each(deployment, cells, 'stopped by the guard though policy allowed', 'guardFired', Stats.SUM),
      each(deployment, cells, 'stages that threw', 'stageFailures', Stats.SUM),
      replication(deployment, cells),
    )
  }
}

function introduction({ environment, domain, name }: Deployment, region: string): IWidget {
  return new TextWidget({
    width: 24,
    height: 2,
    markdown: `**${name} ${environment}** (${domain}), seen from ${region}. What each alarm means and what to do: \`runbooks/alarms\`. What to look at: \`docs/operations.md\`.`,
  })
}

function alarmsOf(scope: Construct, deployment: Deployment, { region, zone }: Cells[number], width: number): IWidget {
  const names = cellNames(deployment, region, zone)
  return new AlarmStatusWidget({
    title: region,
    width,
    height: HEIGHT,
    // By ARN, as they are another region's.
    alarms: SHOWN_ALARMS.map((alarm) =>
      Alarm.fromAlarmArn(scope, `${alarm}-${region}`, alarmArn(region, names.account, names.alarm(alarm))),
    ),
  })
}

/** A graph with a line for each region. `by` makes a number of the metric's name, for those that are read in another unit. */
function each(
  deployment: Deployment,
  cells: Cells,
  title: string,
  metric: MetricName,
  statistic: string,
  by?: (metric: string) => string,
): IWidget {
  return graph(
    title,
    cells.map(({ region }) => {
      const plain = gatewayMetric(deployment, metric, { of: region, region, statistic, period: PERIOD, label: region })
      return by === undefined ? plain : computed(region, by('m'), { m: plain })
    }),
  )
}

function latency(deployment: Deployment, cells: Cells, percentile: number): IWidget {
  return new GraphWidget({
    title: `decision P${percentile}, milliseconds`,
    width: HALF,
    height: HEIGHT,
    left: cells.map(({ region }) =>
      computed(region, '1000 * m', {
        m: gatewayMetric(deployment, 'duration', { of: region, region, statistic: Stats.p(percentile), period: PERIOD }),
      }),
    ),
    leftAnnotations: percentile === 99 ? [{ value: deployment.alarms.decisionP99Ms, label: 'alarm' }] : [],
  })
}

/** From inside: of the calls that reached a gateway, how many got a verdict and no error. */
function answered(deployment: Deployment, cells: Cells): IWidget {
  return graph(
    'availability: calls with a verdict, percent',
    cells.map(({ region }) =>
      computed(region, '100 * (all - FILL(errors, 0)) / all', {
        all: decisions(deployment, region),
        errors: decisions(deployment, region, { decision: 'error' }),
      }),
    ),
    { width: HALF },
  )
}

/** From outside: of the probes from both places, how many were answered. A region that answers nobody is seen here alone. */
function seenFromOutside(deployment: Deployment): IWidget {
  const from = watchingRegions(deployment)
  const zones = Object.keys(deployment.zones).map((zone) => [`zone ${zone}`, probeStep.zone(zone)] as const)
  const regions = regionsOf(deployment).map(({ region }) => [region, probeStep.region(region)] as const)
  return graph(
    `availability: probes that were answered, percent, the worse of ${from.join(' and ')}`,
    [...regions, ...zones].map(([label, step]) =>
      computed(label, 'MIN([a, b])', {
        a: probeSuccess(deployment, from[0], step, PERIOD),
        b: probeSuccess(deployment, from[1], step, PERIOD),
      }),
    ),
    { width: HALF },
  )
}

function refused(deployment: Deployment, cells: Cells): IWidget {
  return graph(
    'denied, percent of all',
    cells.map(({ region }) =>
      computed(region, '100 * FILL(denied, 0) / all', {
        all: decisions(deployment, region),
        denied: decisions(deployment, region, { decision: 'deny' }),
      }),
    ),
  )
}

function crossRegion(deployment: Deployment, cells: Cells): IWidget {
  return graph(
    'calls to a tool in another region, percent of all',
    cells.map(({ region }) =>
      computed(region, '100 * FILL(away, 0) / all', {
        all: decisions(deployment, region),
        away: gatewayMetric(deployment, 'crossRegion', { of: region, region, statistic: Stats.SUM, period: PERIOD }),
      }),
    ),
  )
}

function exhausted(deployment: Deployment, cells: Cells): IWidget {
  return graph(
    'denied because a budget is used up',
    cells.map(({ region }) => decisions(deployment, region, { code: 'budget_exhausted' }, region)),
  )
}

/** Gateways alone, at the list price of their tasks: the part of the bill that grows with calls and that scaling decides on. */
function cost(deployment: Deployment, cells: Cells, prices: PriceList): IWidget {
  return graph(
    `gateways: USD per million decisions, list price of ${prices.date}`,
    cells.map(({ region, zone }) => {
      const { cluster, service } = cellNames(deployment, region, zone)
      const tasks = new Metric({
        namespace: 'ECS/ContainerInsights',
        metricName: 'RunningTaskCount',
        dimensionsMap: { ClusterName: cluster, ServiceName: service },
        statistic: Stats.AVERAGE,
        period: PERIOD,
        region,
      })
      return computed(region, `1000000 * tasks * ${taskHourUsd(deployment, prices, region)} * PERIOD(all) / 3600 / all`, {
        tasks,
        all: decisions(deployment, region),
      })
    }),
  )
}

/** One gateway for an hour; the middle where the price is not known exactly. */
export function taskHourUsd({ gateway }: Deployment, prices: PriceList, region: string): number {
  const middle = (item: string) => {
    const { low, high } = priceOf(prices, item, region)
    return (low + high) / 2
  }
  const usd = (gateway.cpu / 1024) * middle('fargate-arm-vcpu-hour') + (gateway.memoryMiB / 1024) * middle('fargate-arm-gb-hour')
  return Number(usd.toPrecision(4))
}

function replication(deployment: Deployment, cells: Cells): IWidget {
  return graph(
    `global table: from ${deployment.homeRegion}, milliseconds`,
    cells
      .filter(({ region }) => region !== deployment.homeRegion)
      .map(({ region }) => replicationLatency(deployment, region, { label: region, region: deployment.homeRegion })),
  )
}

/** How long a change takes from the home region's replica into another one; CloudWatch has it in the home region. */
export function replicationLatency(deployment: Deployment, to: string, props: { label?: string; region?: string } = {}): Metric {
  return new Metric({
    namespace: 'AWS/DynamoDB',
    metricName: 'ReplicationLatency',
    dimensionsMap: { TableName: sharedNames(deployment).globalTable, ReceivingRegion: to },
    statistic: Stats.AVERAGE,
    period: PERIOD,
    ...props,
  })
}

function decisions(deployment: Deployment, region: string, only?: { decision: string } | { code: string }, label?: string): Metric {
  return gatewayMetric(deployment, 'decisions', {
    of: region,
    region,
    statistic: Stats.SUM,
    period: PERIOD,
    ...(only && { only }),
    ...(label !== undefined && { label }),
  })
}

/** The variables of an expression are the graph's: each line gets its own by its label. */
function computed(label: string, expression: string, variables: Record<string, IMetric>): MathExpression {
  const own = (variable: string) => `${variable}_${label.replace(/[^a-z0-9]/g, '_')}`
  return new MathExpression({
    label,
    expression: expression.replace(/[a-z]+/g, (word) => (word in variables ? own(word) : word)),
    usingMetrics: Object.fromEntries(Object.entries(variables).map(([variable, metric]) => [own(variable), metric])),
    period: PERIOD,
  })
}

function graph(title: string, left: IMetric[], { width = THIRD }: { width?: number } = {}): IWidget {
  return new GraphWidget({ title, width, height: HEIGHT, left, leftYAxis: { min: 0 } })
}
