import { type Price, type PriceList, priceOf } from '../config/prices.ts'
import { DIMENSION_SETS, TRACED_PERCENT } from '../config/telemetry.ts'
import type { Assumptions } from './cost-assumptions.ts'

/** A synthesized stack, and where it is deployed. */
export interface CostedStack {
  readonly name: string
  readonly region: string
  /**
   * Whether agents' calls go through what is in it.
   * @default true
   */
  readonly serves?: boolean
  readonly template: { readonly Resources: Readonly<Record<string, CostedResource>> }
}

export interface CostedResource {
  readonly Type: string
  // biome-ignore lint/suspicious/noExplicitAny: a template is JSON of whatever shape its type has
  readonly Properties?: any
}

/** One thing that is paid for in one region. */
export interface CostLine {
  readonly region: string
  readonly stack: string
  /** What is paid, by its name in the price list. */
  readonly item: string
  readonly quantity: number
  readonly usd: Price
  /** Whether it is paid when nobody calls. */
  readonly kind: 'fixed' | 'per call'
  /** The resource, and the assumption where there is one. */
  readonly why: string
}

export interface Estimate {
  readonly lines: readonly CostLine[]
  /** Types of resources that this estimate knows no price of, and does not know to be free. */
  readonly unpriced: readonly string[]
}

/** An average month (365.25 / 12 days). */
export const HOURS = 730.5
const SECONDS = HOURS * 3600
const GB_OF_KB = 1 / 1_000_000

/**
 * The monthly cost of stacks at list prices. Pure: templates, prices and assumptions in, lines out. It sees what templates create; the assumptions
 * say how much of it is used.
 * @throws PriceError when the list lacks a price that is needed
 */
export function estimate(stacks: readonly CostedStack[], prices: PriceList, assumptions: Assumptions): Estimate {
  const lines: CostLine[] = []
  const unpriced = new Set<string>()
  const allCalls = [...new Set(stacks.map(({ region }) => region))].reduce(
    (sum, region) => sum + cellOf(stacks, region, assumptions).calls,
    0,
  )
  for (const { name: stack, region, template, serves = true } of stacks) {
    const resources = Object.entries(template.Resources)
    // The control plane stands in a serving region, and no call passes it.
    const cell = serves ? cellOf(stacks, region, assumptions) : { tasks: 0, calls: 0 }
    for (const [logicalId, resource] of resources) {
      const charges = chargesOf(resource, { cell, resources: resources.map(([, other]) => other), allCalls, assumptions })
      if (charges === undefined) unpriced.add(resource.Type)
      for (const { item, quantity, perCall = false, why = logicalId } of charges ?? []) {
        if (quantity === 0) continue
        const { low, high } = priceOf(prices, item, region)
        lines.push({
          region,
          stack,
          item,
          quantity,
          usd: { low: quantity * low, high: quantity * high },
          kind: perCall ? 'per call' : 'fixed',
          why,
        })
      }
    }
  }
  return { lines, unpriced: [...unpriced].toSorted() }
}

/** What all resources of a region share. */
export interface CellUse {
  /** Gateways that run, on average. */
  readonly tasks: number
  /** Calls in a month; none where there are no gateways. */
  readonly calls: number
}

/** As many gateways as the calls need, within what the template allows. */
export function cellOf(stacks: readonly CostedStack[], region: string, { callsPerSecond }: Assumptions): CellUse {
  const resources = stacks.filter((stack) => stack.region === region).flatMap(({ template }) => Object.values(template.Resources))
  const target = resources.find(({ Type }) => Type === 'AWS::ApplicationAutoScaling::ScalableTarget')?.Properties
  if (target === undefined) return { tasks: 0, calls: 0 }
  const perTask = resources
    .filter(({ Type }) => Type === 'AWS::ApplicationAutoScaling::ScalingPolicy')
    .map(({ Properties }) => Properties.TargetTrackingScalingPolicyConfiguration)
    .find((policy) => JSON.stringify(policy ?? {}).includes('RequestCountPerTarget'))?.TargetValue
  const needed = perTask === undefined ? 0 : Math.ceil((callsPerSecond * 60) / perTask)
  return { tasks: Math.min(target.MaxCapacity, Math.max(target.MinCapacity, needed)), calls: callsPerSecond * SECONDS }
}

interface Charge {
  readonly item: string
  readonly quantity: number
  readonly perCall?: boolean
  readonly why?: string
}

interface Around {
  readonly cell: CellUse
  /** Of the same stack. */
  readonly resources: readonly CostedResource[]
  /** Calls of all regions in a month: of what there is once for all of them. */
  readonly allCalls: number
  readonly assumptions: Assumptions
}

type Charges = (properties: CostedResource['Properties'], around: Around) => Charge[]

function chargesOf({ Type, Properties = {} }: CostedResource, around: Around): Charge[] | undefined {
  if (FREE.test(Type)) return []
  return CHARGES[Type]?.(Properties, around)
}

/** Types that cost nothing by themselves, or whose use is counted with another type. */
const FREE =
  /^(AWS::(IAM|CDK|Budgets|CE|Organizations|Scheduler|ApplicationAutoScaling)::.*|AWS::EC2::(VPC|Subnet|SubnetRouteTableAssociation|RouteTable|Route|InternetGateway|VPCGatewayAttachment|SecurityGroup|SecurityGroupIngress|SecurityGroupEgress|FlowLog|NetworkAcl.*|PrefixList)|AWS::ECS::TaskDefinition|AWS::ElasticLoadBalancingV2::(Listener.*|TargetGroup)|AWS::CertificateManager::Certificate|AWS::KMS::Alias|AWS::S3::BucketPolicy|AWS::SSM::(Parameter|Document)|AWS::SNS::.*|AWS::SecretsManager::ResourcePolicy|AWS::Logs::(ResourcePolicy|MetricFilter)|AWS::Route53::(RecordSet|RecordSetGroup)|AWS::WAFv2::(WebACLAssociation|LoggingConfiguration)|AWS::Route53Resolver::Firewall(Config|RuleGroup|RuleGroupAssociation)|AWS::NetworkFirewall::(FirewallPolicy|RuleGroup|LoggingConfiguration)|AWS::ServiceDiscovery::.*|AWS::Backup::(BackupVault|BackupSelection)|AWS::CloudFront::(CachePolicy|Function))$/

const CHARGES: Readonly<Record<string, Charges>> = {
  'AWS::ECS::Cluster': ({ ClusterSettings = [] }, { assumptions: a }) =>
    ClusterSettings.some(({ Name, Value }: { Name: string; Value: string }) => Name === 'containerInsights' && Value !== 'disabled')
      ? [{ item: 'metric-month', quantity: a.containerInsightsMetrics, why: 'containerInsightsMetrics' }]
      : [],
  'AWS::ECS::Service': ({ DesiredCount: tasks }, { cell, resources, assumptions: a }) => {
    const task = resources.find(({ Type }) => Type === 'AWS::ECS::TaskDefinition')?.Properties ?? {}
    // A service that scales says no number.
    const count: number = tasks ?? cell.tasks
    const why = `${count} tasks of ${task.Cpu} units and ${task.Memory} MiB`
    // A collector beside the gateway is in the task's size already; what it sends is not.
    const traced = JSON.stringify(task.ContainerDefinitions ?? []).includes('awsxray') ? cell.calls * (TRACED_PERCENT / 100) : 0
    return [
      { item: 'xray-traces-million', quantity: traced / 1e6, perCall: true, why: `${TRACED_PERCENT} % of calls leave a span` },
      { item: 'nat-gb', quantity: traced * a.kbPerSpan * GB_OF_KB, perCall: true, why: 'kbPerSpan: X-Ray has no endpoint in the VPC' },
      { item: 'fargate-arm-vcpu-hour', quantity: (count * HOURS * Number(task.Cpu ?? 0)) / 1024, why },
      { item: 'fargate-arm-gb-hour', quantity: (count * HOURS * Number(task.Memory ?? 0)) / 1024, why },
    ]
  },

  'AWS::ElasticLoadBalancingV2::LoadBalancer': ({ Type: type = 'application', Scheme, Subnets = [] }, { cell, assumptions: a }) => {
    const open = Scheme === 'internet-facing'
    const fixed: Charge[] = [
      { item: type === 'network' ? 'nlb-hour' : 'alb-hour', quantity: HOURS },
      ...(open
        ? [{ item: 'public-ipv4-hour', quantity: Subnets.length * HOURS, why: 'an address of the load balancer in each zone' }]
        : []),
    ]
    if (!open || type === 'network') return fixed
    const gbIn = cell.calls * a.kbInPerCall * GB_OF_KB
    const gbOut = cell.calls * a.kbOutPerCall * GB_OF_KB
    // The largest of the measures of a capacity unit is paid (Elastic Load Balancing, "Pricing"): 25 new connections/s, or 1 GB an hour.
    const units = Math.max(cell.calls / SECONDS / a.callsPerConnection / 25, (gbIn + gbOut) / HOURS)
    return [
      ...fixed,
      { item: 'alb-lcu-hour', quantity: units * HOURS, perCall: true, why: 'callsPerConnection, kbInPerCall, kbOutPerCall' },
      { item: 'data-out-gb', quantity: gbOut, perCall: true, why: 'kbOutPerCall' },
      { item: 'data-cross-az-gb', quantity: (gbIn + gbOut) * a.crossAzShare, perCall: true, why: 'crossAzShare' },
    ]
  },

  'AWS::EC2::NatGateway': (_gateway, { cell, resources, assumptions: a }) => {
    const gateways = resources.filter(({ Type }) => Type === 'AWS::EC2::NatGateway').length
    const gb = (cell.calls * a.forwardedShare * a.kbForwarded * GB_OF_KB) / gateways
    return [
      { item: 'nat-hour', quantity: HOURS },
      { item: 'nat-gb', quantity: gb, perCall: true, why: 'forwardedShare, kbForwarded' },
      { item: 'data-out-gb', quantity: gb / 2, perCall: true, why: 'half of what is forwarded leaves AWS, if the tool is outside' },
    ]
  },
  'AWS::EC2::EIP': () => [{ item: 'public-ipv4-hour', quantity: HOURS }],
  'AWS::EC2::VPCEndpoint': ({ VpcEndpointType, SubnetIds = [] }) =>
    VpcEndpointType === 'Interface' ? [{ item: 'endpoint-az-hour', quantity: SubnetIds.length * HOURS }] : [],
  'AWS::NetworkFirewall::Firewall': ({ SubnetMappings = [] }, { cell, resources, assumptions: a }) => {
    const firewalls = resources.filter(({ Type }) => Type === 'AWS::NetworkFirewall::Firewall').length
    const gb = (cell.calls * a.forwardedShare * a.kbForwarded * GB_OF_KB) / firewalls
    return [
      {
        item: 'network-firewall-hour',
        quantity: SubnetMappings.length * HOURS,
        why: 'AWS waives NAT hours beside it, which is not counted here',
      },
      { item: 'network-firewall-gb', quantity: gb, perCall: true, why: 'forwardedShare, kbForwarded' },
    ]
  },
  'AWS::Route53Resolver::FirewallDomainList': ({ Domains = [] }) => [{ item: 'dns-firewall-domain-month', quantity: Domains.length }],

  'AWS::KMS::Key': ({ KeySpec }, { cell, assumptions: a, resources }) => {
    const signing = KeySpec === 'ECC_NIST_P256'
    // All signatures are counted once, with the first signing key of the stack.
    const keys = resources.filter(({ Type, Properties }) => Type === 'AWS::KMS::Key' && Properties.KeySpec === KeySpec).length
    const tokens = cell.tasks > 0 && signing ? (a.tokensPerSecond * SECONDS) / keys : 0
    return [
      { item: 'kms-key-month', quantity: 1 },
      { item: 'kms-ecc-requests-10k', quantity: tokens / 10_000, perCall: true, why: 'tokensPerSecond' },
    ]
  },
  'AWS::SecretsManager::Secret': ({ ReplicaRegions = [] }) => [{ item: 'secret-month', quantity: 1 + ReplicaRegions.length }],
  'AWS::WAFv2::WebACL': ({ Rules = [] }, { cell }) => [
    { item: 'waf-acl-month', quantity: 1 },
    { item: 'waf-rule-month', quantity: Rules.length },
    { item: 'waf-requests-million', quantity: cell.calls / 1e6, perCall: true, why: 'every call is counted' },
  ],

  'AWS::DynamoDB::GlobalTable': tableCharges,
  'AWS::S3::Bucket': bucketCharges,

  'AWS::Logs::LogGroup': ({ LogGroupName }, { cell, assumptions: a }) => {
    const name = String(LogGroupName)
    if (name.endsWith('/flow'))
      return [{ item: 'vended-logs-gb', quantity: cell.calls * a.flowLogKbPerCall * GB_OF_KB, perCall: true, why: 'flowLogKbPerCall' }]
    if (name.endsWith('/gateway')) return [{ item: 'logs-gb', quantity: a.gatewayLogGb, why: 'gatewayLogGb' }]
    if (name.endsWith('/control-plane')) return [{ item: 'logs-gb', quantity: a.controlPlaneLogGb, why: 'controlPlaneLogGb' }]
    if (name.endsWith('/metrics'))
      return [
        {
          item: 'logs-gb',
          quantity: cell.tasks * (SECONDS / 60) * a.metricLogKbPerTaskPerMinute * GB_OF_KB,
          why: 'metricLogKbPerTaskPerMinute',
        },
      ]
    return []
  },
  'AWS::CloudWatch::Alarm': ({ Metrics = [] }) => [
    {
      item: 'alarm-month',
      quantity: Math.max(1, Metrics.filter(({ MetricStat }: { MetricStat?: unknown }) => MetricStat !== undefined).length),
    },
  ],
  'AWS::CloudWatch::Dashboard': () => [{ item: 'dashboard-month', quantity: 1 }],
  'AWS::Synthetics::Canary': ({ Schedule }) => [{ item: 'canary-run', quantity: runsOf(Schedule?.Expression) }],

  'AWS::Route53::HostedZone': (_zone, { allCalls, assumptions: a }) => [
    { item: 'hosted-zone-month', quantity: 1 },
    { item: 'dns-queries-million', quantity: (allCalls * a.dnsQueriesPerCall) / 1e6, perCall: true, why: 'dnsQueriesPerCall' },
  ],
  'AWS::Route53::HealthCheck': ({ HealthCheckConfig: check = {} }) => [
    { item: 'health-check-month', quantity: 1 },
    { item: 'health-check-option-month', quantity: Number(/^HTTPS/.test(check.Type)) + Number(check.RequestInterval === 10) },
  ],
  'AWS::ARCRegionSwitch::Plan': () => [{ item: 'region-switch-plan-month', quantity: 1 }],
  'AWS::Backup::BackupPlan': ({ BackupPlan }, { assumptions: a }) =>
    // Each backup of a table is a whole one. One a day is counted, whatever the schedule.
    (BackupPlan?.BackupPlanRule ?? []).flatMap(
      ({ Lifecycle, CopyActions = [] }: Record<string, { DeleteAfterDays?: number }[] & { DeleteAfterDays?: number }>) => [
        { item: 'backup-gb-month', quantity: (Lifecycle?.DeleteAfterDays ?? 0) * a.tableGb, why: 'tableGb, one backup a day' },
        ...[...CopyActions].flatMap(() => [
          {
            item: 'backup-gb-month',
            quantity: (Lifecycle?.DeleteAfterDays ?? 0) * a.tableGb,
            why: 'the copy in the zone, at the price of this region',
          },
          { item: 'data-cross-region-gb', quantity: (HOURS / 24) * a.tableGb, why: 'the copy in the zone' },
        ]),
      ],
    ),
  'AWS::CloudFront::Distribution': (_distribution, { assumptions: a }) => {
    const fetches = a.edgeFetchesPerSecond * SECONDS
    return [
      { item: 'cloudfront-requests-10k', quantity: fetches / 10_000, why: 'edgeFetchesPerSecond' },
      { item: 'cloudfront-gb', quantity: fetches * a.kbPerEdgeFetch * GB_OF_KB, why: 'edgeFetchesPerSecond, kbPerEdgeFetch' },
      { item: 'cloudfront-function-million', quantity: fetches / 1e6, why: 'edgeFetchesPerSecond' },
    ]
  },
  'AWS::FIS::ExperimentTemplate': ({ Tags }, { assumptions: a }) =>
    // One of a region's drills is run a month, and the longest is counted.
    Tags?.['aegis:drill'] === 'region-isolation' ? [{ item: 'fis-action-minute', quantity: a.drillMinutes, why: 'drillMinutes' }] : [],
}

/** Metrics of the gateways have no resource of their own; they come with the region's gateways. */
export function customMetrics({ codesSeen }: Assumptions): number {
  const values = { region: 1, decision: 5, code: codesSeen, ring: 2 }
  return Object.values(DIMENSION_SETS)
    .flat()
    .reduce((sum, set) => sum + set.reduce((product, dimension) => product * values[dimension], 1), 0)
}

function tableCharges({ TableName, Replicas = [] }: CostedResource['Properties'], { cell, resources, assumptions: a }: Around): Charge[] {
  const tables = resources.filter(({ Type }) => Type === 'AWS::DynamoDB::GlobalTable').length
  const isGlobal = Replicas.length > 1 || String(TableName).endsWith('-global')
  if (isGlobal) {
    // Each region's beats are written there and once more into every replica; all of it is counted here, where the table is made.
    const writes = Replicas.length * Replicas.length * cell.tasks * a.globalWritesPerTaskPerSecond * SECONDS
    return [{ item: 'dynamodb-write-million', quantity: writes / 1e6, why: 'globalWritesPerTaskPerSecond, in every replica' }]
  }
  const polls = (cell.tasks * a.pollReadsPerTaskPerSecond * SECONDS) / tables
  return [
    { item: 'dynamodb-gb-month', quantity: a.tableGb / tables, why: 'tableGb' },
    { item: 'dynamodb-pitr-gb-month', quantity: a.tableGb / tables, why: 'tableGb' },
    { item: 'dynamodb-read-million', quantity: polls / 1e6, why: 'pollReadsPerTaskPerSecond' },
    {
      item: 'dynamodb-write-million',
      quantity: (cell.calls * a.tableWritesPerCall) / tables / 1e6,
      perCall: true,
      why: 'tableWritesPerCall',
    },
    { item: 'dynamodb-read-million', quantity: (cell.calls * a.tableReadsPerCall) / tables / 1e6, perCall: true, why: 'tableReadsPerCall' },
  ]
}

function bucketCharges({ BucketName }: CostedResource['Properties'], { cell, assumptions: a }: Around): Charge[] {
  const name = String(BucketName)
  const puts = (cell.tasks * a.objectsPerTaskPerSecond * SECONDS) / 1000
  const kept = (kbPerCall: number, months: number, why: string): Charge[] => [
    { item: 's3-gb-month', quantity: cell.calls * kbPerCall * GB_OF_KB * months, perCall: true, why },
    { item: 's3-put-thousand', quantity: puts, why: 'objectsPerTaskPerSecond' },
  ]
  if (/-audit-\d+$/.test(name)) return kept(a.auditKbPerCall, a.auditMonthsKept, 'auditKbPerCall, auditMonthsKept')
  if (/-inputs-\d+$/.test(name)) return kept(a.inputsKbPerCall, 1, 'inputsKbPerCall')
  return []
}

/** Runs in a month of `rate(5 minutes)`. */
function runsOf(expression: unknown): number {
  const [, count, unit] = /^rate\((\d+) (minute|hour|day)s?\)$/.exec(String(expression)) ?? []
  const hours = { minute: 1 / 60, hour: 1, day: 24 }[unit as 'minute' | 'hour' | 'day']
  return hours === undefined ? 0 : HOURS / (Number(count) * hours)
}
