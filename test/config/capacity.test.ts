import { capacityOf } from '../../config/capacity.ts'
import { deployment as input } from '../../config/deployment.ts'
import { ConfigError, resolveDeployment } from '../../config/resolve.ts'
import { type Deployment, type DeploymentInput, primaryOf, regionsOf } from '../../config/schema.ts'

type Gateway = DeploymentInput['gateway']
const withGateway = (gateway: Gateway, changed: Partial<DeploymentInput> = {}) => resolveDeployment({ ...input, ...changed, gateway })

/** Calls a second that reach each region when one is lost (or none), by the rules of DNS: told apart from how the code under test counts. */
function loads(deployment: Deployment, lost?: string): Map<string, number> {
  const { global, zones } = deployment.gateway.peakCallsPerSecond
  const left = regionsOf(deployment).filter(({ region }) => region !== lost)
  const load = new Map(left.map(({ region }) => [region, global / left.length]))
  for (const [zone, { standby }] of Object.entries(deployment.zones)) {
    const primary = primaryOf(deployment, zone)
    const answering = primary === lost ? standby : primary
    if (answering !== undefined) load.set(answering, (load.get(answering) ?? 0) + (zones[zone] ?? 0))
  }
  return load
}

/** Regions that have not enough gateways when one is lost, without starting any. */
function overloaded(deployment: Deployment, tasksOf = (region: string) => capacityOf(deployment, region).minTasks): string[] {
  const { callsPerTask } = deployment.gateway
  return regionsOf(deployment).flatMap(({ region: lost }) =>
    [...loads(deployment, lost)]
      .filter(([region, load]) => load > tasksOf(region) * callsPerTask)
      .map(([region]) => `${region} without ${lost}`),
  )
}

const BUSY: Gateway = { callsPerTask: 100, maxTasks: 100, peakCallsPerSecond: { global: 1200, zones: { eu: 950, us: 300, apac: 20 } } }

describe('how many gateways a region has', () => {
  it('is what config says, where no peak is expected', () => {
    const deployment = resolveDeployment(input)
    for (const { region } of regionsOf(deployment)) expect(capacityOf(deployment, region).minTasks).toBe(deployment.gateway.minTasks)
  })

  it('carries any lost region without a new one', () => {
    expect(overloaded(withGateway(BUSY))).toEqual([])
  })

  it('would be seen to be too little: a standby that is sized for what it does today, a region that is sized for its own share', () => {
    const deployment = withGateway(BUSY)
    const today = (region: string) => Math.max(2, Math.ceil((loads(deployment).get(region) ?? 0) / 100))
    expect(overloaded(deployment, today)).toEqual(expect.arrayContaining(['eu-central-1 without eu-west-1', 'us-east-1 without eu-west-1']))
  })

  it('is the same in primary and standby, and counts no zone in a region that never answers for it', () => {
    const zones = {
      ...input.zones,
      eu: { regions: ['eu-west-1', 'eu-central-1', 'eu-west-3'], primary: 'eu-west-1', standby: 'eu-central-1' },
    }
    const deployment = withGateway({ callsPerTask: 100, maxTasks: 20, peakCallsPerSecond: { zones: { eu: 950 } } }, { zones })
    expect(['eu-west-1', 'eu-central-1', 'eu-west-3'].map((region) => capacityOf(deployment, region).minTasks)).toEqual([10, 10, 2])
    expect(overloaded(deployment)).toEqual([])
  })

  it('is never fewer than config says', () => {
    const deployment = withGateway({ minTasks: 4, peakCallsPerSecond: { global: 1 } })
    expect(capacityOf(deployment, 'us-east-1').minTasks).toBe(4)
  })
})

describe('how full gateways may be', () => {
  const targets = (zones: DeploymentInput['zones']) => {
    const deployment = withGateway({ callsPerTask: 100, fullCpuPercent: 80 }, { zones })
    return [...new Set(regionsOf(deployment).map(({ region }) => capacityOf(deployment, region)))].map((one) => [
      one.cpuPercent,
      one.requestsPerTaskPerMin,
    ])[0]
  }
  const eu = { regions: ['eu-west-1'] }

  it('is (N-1)/N of full: what N carry, N-1 carry', () => {
    expect(targets({ eu, us: { regions: ['us-east-1'] } })).toEqual([40, 3000])
    expect(targets({ eu, us: { regions: ['us-east-1'] }, apac: { regions: ['ap-southeast-1'] } })).toEqual([53, 4000])
    expect(targets(input.zones)).toEqual([60, 4500])
  })

  it('is full in a region that no other one can stand in for', () => {
    expect(targets({ eu })).toEqual([80, 6000])
  })
})

describe('sizes in config', () => {
  const faults = (gateway: Gateway) => {
    try {
      withGateway(gateway)
      return []
    } catch (error) {
      if (error instanceof ConfigError) return error.faults
      throw error
    }
  }

  it('refuses fewer gateways at most than a lost region takes at least', () => {
    expect(faults({ callsPerTask: 100, maxTasks: 4, peakCallsPerSecond: { zones: { us: 450 } } })).toEqual([
      'gateway.maxTasks: 4 is less than the 5 that us-east-1 needs so that the loss of another region needs no scaling (gateway.peakCallsPerSecond)',
    ])
  })

  it('refuses a peak of a zone that is not there', () => {
    expect(faults({ peakCallsPerSecond: { zones: { mars: 1 } } })).toEqual(['gateway.peakCallsPerSecond.zones.mars: no such zone'])
  })

  it('refuses to add gateways only after people were woken', () => {
    expect(faults({ scaleOutP95Ms: 20 })).toEqual([expect.stringMatching(/^gateway\.scaleOutP95Ms: 20 must be less than alarms/)])
  })

  it('refuses a step of a deployment that is over before an alarm can ring, and a canary for most', () => {
    expect(faults({ canaryBakeMin: 1 })).toEqual([expect.stringMatching(/^gateway\.canaryBakeMin: must be at least 5 minutes/)])
    expect(faults({ canaryPercent: 60 })).toEqual([expect.stringMatching(/^gateway\.canaryPercent: must be at most 50/)])
  })
})
