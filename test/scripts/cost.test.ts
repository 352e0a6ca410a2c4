import { spawnSync } from 'node:child_process'
import { loadPrices, PriceError, type PriceList, parsePrices } from '../../config/prices.ts'
import { ASSUMPTIONS, assumed } from '../../scripts/cost-assumptions.ts'
import { type CostedResource, type CostedStack, cellOf, customMetrics, estimate, HOURS } from '../../scripts/cost-estimate.ts'
import { costReport, costText } from '../../scripts/cost-report.ts'

const prices = loadPrices(new URL('../../config/prices/', import.meta.url))
const REGION = 'us-east-1'
const SCRIPT = new URL('../../scripts/cost.ts', import.meta.url).pathname

const stack = (Resources: Record<string, CostedResource>, region = REGION): CostedStack => ({
  name: 'gateway',
  region,
  template: { Resources },
})
const service = (min: number, max: number, perMinute = 30_000): Record<string, CostedResource> => ({
  Service: { Type: 'AWS::ECS::Service' },
  Task: { Type: 'AWS::ECS::TaskDefinition', Properties: { Cpu: '1024', Memory: '2048' } },
  Target: { Type: 'AWS::ApplicationAutoScaling::ScalableTarget', Properties: { MinCapacity: min, MaxCapacity: max } },
  Policy: {
    Type: 'AWS::ApplicationAutoScaling::ScalingPolicy',
    Properties: {
      TargetTrackingScalingPolicyConfiguration: {
        CustomizedMetricSpecification: { Metrics: [{ MetricStat: { Metric: { MetricName: 'RequestCountPerTarget' } } }] },
        TargetValue: perMinute,
      },
    },
  },
})
const usdOf = (stacks: readonly CostedStack[], item: string, changed = {}) =>
  estimate(stacks, prices, assumed(changed))
    .lines.filter((line) => line.item === item)
    .reduce((sum, { usd }) => sum + usd.low, 0)

describe('an estimate', () => {
  it('pays tasks by their size and the hours of an average month', () => {
    const stacks = [stack(service(2, 10))]
    expect(usdOf(stacks, 'fargate-arm-vcpu-hour')).toBeCloseTo(2 * HOURS * 0.03238, 6)
    expect(usdOf(stacks, 'fargate-arm-gb-hour')).toBeCloseTo(2 * 2 * HOURS * 0.00356, 6)
  })

  it('runs as many tasks as the calls need, within what the template allows', () => {
    const tasks = (callsPerSecond: number) => cellOf([stack(service(2, 10))], REGION, assumed({ callsPerSecond })).tasks
    expect([0, 1000, 1001, 2000, 100_000].map(tasks)).toEqual([2, 2, 3, 4, 10])
  })

  it('pays for spans where a collector sends them to X-Ray, by the share of calls that leave one', () => {
    const collector = { Name: 'collector', Environment: [{ Name: 'COLLECTOR_CONFIG', Value: '{"exporters":{"awsxray":{}}}' }] }
    const Task = { Type: 'AWS::ECS::TaskDefinition', Properties: { Cpu: '1024', Memory: '2048', ContainerDefinitions: [collector] } }
    const traced = [stack({ ...service(2, 10), Task })]
    expect(usdOf(traced, 'xray-traces-million', { callsPerSecond: 100 })).toBeCloseTo((100 * HOURS * 3600 * 0.01 * 5) / 1e6, 6)
    expect(usdOf([stack(service(2, 10))], 'xray-traces-million')).toBe(0)
  })

  it('pays a control plane by its own number of tasks, and sends no call through it', () => {
    const control: CostedStack = {
      name: 'control-plane',
      region: REGION,
      serves: false,
      template: {
        Resources: {
          Service: { Type: 'AWS::ECS::Service', Properties: { DesiredCount: 3 } },
          Task: { Type: 'AWS::ECS::TaskDefinition', Properties: { Cpu: '512', Memory: '1024' } },
          Nat: { Type: 'AWS::EC2::NatGateway' },
          Key: { Type: 'AWS::KMS::Key', Properties: { KeySpec: 'ECC_NIST_P256' } },
        },
      },
    }
    const cell = stack(service(2, 10))
    const own = estimate([cell, control], prices, assumed({ callsPerSecond: 1000 })).lines.filter((line) => line.stack === 'control-plane')
    expect(own.map(({ item }) => item).toSorted()).toEqual(['fargate-arm-gb-hour', 'fargate-arm-vcpu-hour', 'kms-key-month', 'nat-hour'])
    expect(own.find(({ item }) => item === 'fargate-arm-vcpu-hour')?.quantity).toBeCloseTo((3 * HOURS) / 2, 6)
    expect(own.every(({ kind }) => kind === 'fixed')).toBe(true)
  })

  it('pays an open load balancer its addresses and its use, and an internal one its hours', () => {
    const balancer = (Scheme: string) => ({
      Type: 'AWS::ElasticLoadBalancingV2::LoadBalancer',
      Properties: { Scheme, Subnets: ['a', 'b'] },
    })
    const open = [stack({ ...service(2, 10), Open: balancer('internet-facing') })]
    expect(usdOf(open, 'public-ipv4-hour')).toBeCloseTo(2 * HOURS * 0.005, 6)
    // 250 calls/s of 4 KB are 3.6 GB an hour: more units than the 5 new connections a second need.
    expect(usdOf(open, 'alb-lcu-hour', { callsPerSecond: 250 })).toBeCloseTo(3.6 * HOURS * 0.008, 4)
    const internal = estimate([stack({ ...service(2, 10), In: balancer('internal') })], prices, assumed()).lines
    expect(internal.filter(({ item }) => /^(alb|public|data)/.test(item)).map(({ item }) => item)).toEqual(['alb-hour'])
  })

  it('pays a canary by its schedule, an alarm by the metrics it looks at, a health check by its options', () => {
    const stacks = [
      stack({
        Canary: { Type: 'AWS::Synthetics::Canary', Properties: { Schedule: { Expression: 'rate(5 minutes)' } } },
        Plain: { Type: 'AWS::CloudWatch::Alarm', Properties: {} },
        Computed: {
          Type: 'AWS::CloudWatch::Alarm',
          Properties: { Metrics: [{ Expression: 'a + b' }, { MetricStat: {} }, { MetricStat: {} }] },
        },
        Check: { Type: 'AWS::Route53::HealthCheck', Properties: { HealthCheckConfig: { Type: 'HTTPS', RequestInterval: 10 } } },
        Slow: { Type: 'AWS::Route53::HealthCheck', Properties: { HealthCheckConfig: { Type: 'HTTP', RequestInterval: 30 } } },
      }),
    ]
    const quantity = (item: string) =>
      estimate(stacks, prices, assumed())
        .lines.filter((line) => line.item === item)
        .reduce((sum, line) => sum + line.quantity, 0)
    expect(quantity('canary-run')).toBeCloseTo(HOURS * 12, 6)
    expect([quantity('alarm-month'), quantity('health-check-month'), quantity('health-check-option-month')]).toEqual([3, 2, 2])
  })

  it('counts as fixed what is paid when nobody calls', () => {
    const { lines } = estimate(
      [stack({ ...service(2, 10), Acl: { Type: 'AWS::WAFv2::WebACL', Properties: { Rules: [{}] } } })],
      prices,
      assumed(),
    )
    const kinds = Object.fromEntries(lines.map(({ item, kind }) => [item, kind]))
    expect(kinds).toMatchObject({ 'waf-acl-month': 'fixed', 'waf-requests-million': 'per call', 'fargate-arm-vcpu-hour': 'fixed' })
    const idle = estimate([stack(service(2, 10))], prices, assumed({ callsPerSecond: 0 })).lines
    expect(idle.every(({ kind }) => kind === 'fixed')).toBe(true)
  })

  it('pays what is switched on: firewalls by endpoint and traffic, backups by days kept, plans, fetches at the edge', () => {
    const plan = (rule: object) => ({
      Type: 'AWS::Backup::BackupPlan',
      Properties: { BackupPlan: { BackupPlanRule: [{ Lifecycle: { DeleteAfterDays: 10 }, ...rule }] } },
    })
    const firewall = { Type: 'AWS::NetworkFirewall::Firewall', Properties: { SubnetMappings: [{}] } }
    const stacks = [
      stack({ ...service(2, 10), A: firewall, B: firewall, Plan: plan({}), Copied: plan({ CopyActions: [{}] }) }),
      stack({ Switch: { Type: 'AWS::ARCRegionSwitch::Plan' }, Edge: { Type: 'AWS::CloudFront::Distribution' } }),
    ]
    const { lines, unpriced } = estimate(stacks, prices, assumed({ tableGb: 2, edgeFetchesPerSecond: 10 }))
    const quantity = (item: string) => lines.filter((line) => line.item === item).reduce((sum, line) => sum + line.quantity, 0)
    expect(unpriced).toEqual([])
    expect(quantity('network-firewall-hour')).toBeCloseTo(2 * HOURS, 6)
    expect(quantity('network-firewall-gb')).toBeCloseTo((50 * HOURS * 3600 * 0.5 * 4) / 1e6, 6)
    expect(quantity('backup-gb-month')).toBeCloseTo(3 * 10 * 2, 6)
    expect(quantity('data-cross-region-gb')).toBeCloseTo((HOURS / 24) * 2, 6)
    expect(quantity('region-switch-plan-month')).toBe(1)
    expect(quantity('cloudfront-requests-10k')).toBeCloseTo((10 * HOURS * 3600) / 10_000, 6)
  })

  it('says which types it knows no price of, so that nothing is left out without a word', () => {
    const { unpriced, lines } = estimate(
      [stack({ Cluster: { Type: 'AWS::RDS::DBCluster' }, Role: { Type: 'AWS::IAM::Role' } })],
      prices,
      assumed(),
    )
    expect([unpriced, lines]).toEqual([['AWS::RDS::DBCluster'], []])
  })

  it('gives a range where the price is not known exactly', () => {
    const { lines } = estimate([stack(service(2, 10), 'eu-central-1')], prices, assumed())
    const [vcpu] = lines.filter(({ item }) => item === 'fargate-arm-vcpu-hour')
    expect(vcpu?.usd.low).toBeLessThan(vcpu?.usd.high ?? 0)
  })

  it('refuses a price list that lacks what is needed', () => {
    const empty: PriceList = parsePrices('2026-11-27.json', JSON.stringify({ date: '2026-11-27', currency: 'USD', how: 'x', items: {} }))
    expect(() => estimate([stack(service(2, 10))], empty, assumed())).toThrow(PriceError)
  })

  it('counts custom metrics by the sets of dimensions that config names', () => {
    expect(customMetrics(assumed({ codesSeen: 10 }))).toBe(customMetrics(assumed({ codesSeen: 20 })) - 10)
  })
})

describe('the report', () => {
  const report = (changed = {}) => {
    const assumptions = assumed(changed)
    const stacks = [stack({ ...service(2, 10), Acl: { Type: 'AWS::WAFv2::WebACL', Properties: { Rules: [] } } })]
    const regions = [{ region: REGION, ...cellOf(stacks, REGION, assumptions) }]
    return costReport({ ...estimate(stacks, prices, assumptions), regions, prices, assumptions, metrics: customMetrics(assumptions) })
  }

  it('adds up: the shares of the drivers make one, and fixed and growing costs make the sum', () => {
    const [region] = report().regions
    expect(region?.drivers.reduce((sum, { share }) => sum + share, 0)).toBeCloseTo(1, 9)
    const growing = ((region?.marginal_million?.low ?? 0) * (region?.decisions ?? 0)) / 1e6
    expect((region?.monthly_idle.low ?? 0) + growing).toBeCloseTo(region?.monthly.low ?? 0, 6)
    expect(region?.drivers.map(({ usd }) => usd.low)).toEqual(region?.drivers.map(({ usd }) => usd.low).toSorted((a, b) => b - a))
  })

  it('has no price of a million decisions where there are none', () => {
    const [region] = report({ callsPerSecond: 0 }).regions
    expect([region?.per_million_decisions, region?.marginal_million]).toEqual([null, null])
  })

  it('tells every assumption, its date, and how far to trust it', () => {
    const text = costText(report())
    for (const name of Object.keys(ASSUMPTIONS)) expect(text).toContain(`  ${name} = `)
    expect(text).toContain(prices.date)
    expect(text).toContain('nobody has compared them')
  })
})

describe('npm run cost', () => {
  const run = (...args: string[]) => spawnSync(process.execPath, [SCRIPT, ...args], { encoding: 'utf8' })

  it.each([
    [['--set', 'callsPerMinute=5'], /^cost: --set callsPerMinute=5: no assumption "callsPerMinute"; there are callsPerSecond, /],
    [['--set', 'callsPerSecond=-1'], /must be a number of 0 or more/],
    [['--set', 'callsPerSecond'], /must be a number of 0 or more/],
    [['--csv'], /npm run cost -- \[--environment <name>\]/],
    [['--environment', 'staging'], /no environment "staging"/],
  ])('refuses %j', (args, message) => {
    const { status, stderr, stdout } = run(...args)
    expect([status, stdout]).toEqual([2, ''])
    expect(stderr).toMatch(message)
  })

  it('prices every resource of the default deployment, for each region', () => {
    const { status, stdout } = run('--json', '--set', 'callsPerSecond=10')
    expect(status).toBe(0)
    const report = JSON.parse(stdout)
    expect(report.unpriced_types).toEqual([])
    expect(report.regions.map(({ region }: { region: string }) => region)).toEqual([
      'eu-west-1',
      'eu-central-1',
      'us-east-1',
      'ap-southeast-1',
    ])
    expect(report.assumptions.callsPerSecond).toBe(10)
    for (const { monthly, gateways } of report.regions) {
      expect(gateways).toBe(2)
      expect(monthly.low).toBeGreaterThan(100)
      expect(monthly.high).toBeGreaterThanOrEqual(monthly.low)
    }
  }, 60_000)
})
