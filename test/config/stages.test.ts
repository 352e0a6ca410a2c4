import { deployment as input } from '../../config/deployment.ts'
import { ConfigError, resolveDeployment } from '../../config/resolve.ts'
import { type Deployment, type DeploymentInput, regionsOf } from '../../config/schema.ts'
import { STAGES } from '../../config/stages.ts'

const prod = input.environments.prod as DeploymentInput['environments'][string]
const at = (environment: object, more: Partial<DeploymentInput> = {}) =>
  resolveDeployment({ ...input, ...more, environments: { prod: { ...prod, ...environment } } })
const regions = (deployment: Deployment) => regionsOf(deployment).map(({ region }) => region)

function faultsOf(environment: object, more: Partial<DeploymentInput> = {}): readonly string[] {
  try {
    at(environment, more)
    return []
  } catch (error) {
    if (error instanceof ConfigError) return error.faults
    throw error
  }
}

describe('a stage of the migration', () => {
  const all = ['eu-west-1', 'eu-central-1', 'us-east-1', 'ap-southeast-1']

  it('is the last where none is named, and all regions are there', () => {
    const deployment = resolveDeployment(input)
    expect([deployment.stage, STAGES.at(-1)]).toEqual(['tenant-binding', 'tenant-binding'])
    expect(deployment.zones).toEqual(deployment.plannedZones)
  })

  it.each(['single-region-shadow', 'single-region-enforce'])('leaves the home region alone at %s, and keeps the plan', (stage) => {
    const deployment = at({ stage })
    expect(deployment.zones).toEqual({ eu: { regions: ['eu-west-1'], primary: 'eu-west-1' } })
    expect(Object.keys(deployment.plannedZones)).toEqual(['eu', 'us', 'apac'])
  })

  it('has every region at multi-region, or those that the environment names by now', () => {
    expect(regions(at({ stage: 'multi-region' }))).toEqual(all)
    const some = at({ stage: 'multi-region', regions: ['us-east-1', 'eu-west-1'] })
    expect(regions(some)).toEqual(['eu-west-1', 'us-east-1'])
    expect(some.zones.eu?.standby).toBeUndefined()
    expect(at({ regions: ['eu-west-1', 'eu-central-1'] }).zones.eu?.standby).toBe('eu-central-1')
  })

  it('refuses one that it does not know', () => {
    expect(faultsOf({ stage: 'multi-regoin' })).toEqual([
      'environments.prod.stage: is not a stage of the migration (single-region-shadow, single-region-enforce, multi-region, tenant-binding)',
    ])
  })

  it.each([
    [
      { stage: 'single-region-shadow', regions: ['eu-west-1', 'us-east-1'] },
      'environments.prod.regions: stage single-region-shadow has the home region eu-west-1 alone; leave the key out until stage multi-region',
    ],
    [{ regions: ['eu-west-1', 'us-west-2'] }, 'environments.prod.regions: us-west-2 is in no zone; put it into one first'],
    [{ regions: ['us-east-1'] }, 'environments.prod.regions: eu-west-1 is the home region, which is the first to be there'],
  ])('refuses %j', (environment, fault) => {
    expect(faultsOf(environment)).toContain(fault)
  })

  it('refuses a zone that would begin without its primary, where its secret is made', () => {
    const told = 'eu-west-1 without eu-central-1, the primary of zone eu, whose secret is made there; begin a zone with its primary'
    const zones = { ...input.zones, eu: { regions: ['eu-west-1', 'eu-central-1'], primary: 'eu-central-1' } }
    expect(faultsOf({ stage: 'single-region-enforce' }, { zones })).toEqual([`environments.prod.stage: ${told}`])
    expect(faultsOf({ regions: ['eu-west-1', 'us-east-1'] }, { zones })).toEqual([`environments.prod.regions: ${told}`])
    expect(faultsOf({}, { zones })).toEqual([])
  })

  it('counts replicas by the regions that are there, so that they can be added one by one', () => {
    expect(faultsOf({ stage: 'single-region-enforce', deployedReplicas: ['eu-west-1'] })).toEqual([])
    expect(faultsOf({ stage: 'multi-region', deployedReplicas: ['eu-west-1'], regions: ['eu-west-1', 'us-east-1'] })).toEqual([])
    expect(faultsOf({ stage: 'multi-region', deployedReplicas: ['eu-west-1'] })[0]).toMatch(
      /\+eu-central-1 \+us-east-1 \+ap-southeast-1 is more than one change .*\(environments\.prod\.regions\)$/,
    )
  })

  it('checks what is written as a whole: a budget of a region that is not there yet is no slip', () => {
    const cost = { monthlyUsdOf: { 'us-east-1': 10 } }
    expect(faultsOf({ stage: 'single-region-shadow' }, { cost })).toEqual([])
  })
})
