import { deployOrder, selectStacks } from '../../../config/deploy-order.ts'
import { deployment as input } from '../../../config/deployment.ts'
import { resolveDeployment } from '../../../config/resolve.ts'
import { regionsOf } from '../../../config/schema.ts'
import { PLACEHOLDER_TRUST_ROOT, type TrustRoot } from '../../../config/trust.ts'
import { type Facts, type PlaceFacts, placeKey, type RegionFacts } from '../../../runtime/cli/deploy/facts.ts'
import { preflightFaults } from '../../../runtime/cli/deploy/faults.ts'

const [CONTROL, WORKLOAD] = ['210987654321', '310987654321']
const controlZone = { hostedZoneId: 'Z9876543210ABC', nameServers: ['ns-1.awsdns-1.com', 'ns-2.awsdns-2.net'] }
const prod = { accounts: { control: CONTROL, workload: WORKLOAD }, hostedZoneId: 'Z0123456789ABC', controlZone }
const deployment = resolveDeployment({ ...input, domain: 'aegis.corp', environments: { prod } })
const plan = deployOrder(deployment)
const regions = regionsOf(deployment).map(({ region }) => region)
const trustRoot: TrustRoot = { keys: PLACEHOLDER_TRUST_ROOT.keys.map((key) => ({ ...key, kid: 'signs' })) }

/** Facts of a deployment where everything is there, and published. */
function wholeFacts(): Facts & { places: Map<string, PlaceFacts>; regions: Map<string, RegionFacts> } {
  const places = new Map<string, PlaceFacts>()
  for (const stack of plan) {
    const stacks = plan.filter((other) => placeKey(other) === placeKey(stack)).map(({ name }) => [name, 'CREATE_COMPLETE'] as const)
    places.set(placeKey(stack), { bootstrap: 31, stacks: new Map(stacks) })
  }
  return {
    places,
    regions: new Map(regions.map((region) => [region, { published: true, takesPublisher: true }])),
    nameServers: { zone: ['ns-1.awsdns.com'], delegated: ['ns-1.awsdns.com'] },
    signingKid: 'signs',
    replicas: regions,
  }
}

const faultsOf = (patterns: string[], facts: Facts, changed: object = {}) =>
  preflightFaults({ deployment, plan, selected: selectStacks(plan, patterns).selected, trustRoot, facts, ...changed })

/** The facts without a stack, or with another status of it. */
function withStack(name: string, status?: string): ReturnType<typeof wholeFacts> {
  const facts = wholeFacts()
  for (const place of facts.places.values()) {
    if ('fault' in place || !place.stacks.has(name)) continue
    const stacks = place.stacks as Map<string, string>
    if (status === undefined) stacks.delete(name)
    else stacks.set(name, status)
  }
  return facts
}
const GATEWAY = 'aegis-prod-gateway-eu-west-1'

describe('a preflight', () => {
  it('finds nothing where everything is there', () => {
    expect(faultsOf(['*'], wholeFacts(), { deployment: { ...deployment, deployedReplicas: regions } })).toEqual([])
  })

  it.each([
    'aegis-prod-dns',
    'aegis-prod-keys-eu-west-1',
    'aegis-prod-zone-eu',
    'aegis-prod-global-state',
    'aegis-prod-control-plane',
    'aegis-prod-bundle-store-eu-west-1',
    'aegis-prod-network-eu-west-1',
    'aegis-prod-residency-store-eu-west-1',
  ])('refuses a gateway before %s, with the command that deploys it', (need) => {
    expect(faultsOf([GATEWAY], withStack(need))).toEqual([`${GATEWAY} needs ${need}, which is not deployed: npm run deploy -- ${need}`])
  })

  it('counts what the same command deploys', () => {
    const network = 'aegis-prod-network-eu-west-1'
    expect(faultsOf([network, GATEWAY], withStack(network))).toEqual([])
  })

  it('refuses a gateway that needs a stack which has failed', () => {
    const need = 'aegis-prod-network-eu-west-1'
    expect(faultsOf([GATEWAY], withStack(need, 'ROLLBACK_COMPLETE'))).toEqual([
      `${GATEWAY} needs ${need}, which is ROLLBACK_COMPLETE: mend it, then npm run deploy -- ${need}`,
    ])
    expect(faultsOf([GATEWAY], withStack(need, 'UPDATE_ROLLBACK_COMPLETE'))).toEqual([])
  })

  it('refuses a gateway before anything is published for its region', () => {
    const facts = wholeFacts()
    facts.regions.set('eu-west-1', { published: false, takesPublisher: true })
    expect(faultsOf([GATEWAY], facts)).toEqual([expect.stringContaining('nothing is published for eu-west-1')])
    expect(faultsOf(['aegis-prod-gateway-us-east-1'], facts)).toEqual([])
  })

  it('refuses a gateway whose replica does not let the publisher write, and says how it will', () => {
    const facts = wholeFacts()
    facts.regions.set('eu-west-1', { published: true, takesPublisher: false })
    expect(faultsOf([GATEWAY], facts)).toEqual([
      'the publisher may not write to the global table in eu-west-1 yet: npm run -s aegis -- pin, then npm run deploy -- aegis-prod-global-state once more, which gives that replica its policy',
    ])
  })

  it('refuses a gateway that would believe nobody, or somebody else', () => {
    expect(faultsOf([GATEWAY], wholeFacts(), { trustRoot: PLACEHOLDER_TRUST_ROOT })).toEqual([
      'no key is pinned that gateways may believe: npm run -s aegis -- pin',
    ])
    expect(faultsOf([GATEWAY], { ...wholeFacts(), signingKid: 'other' })).toEqual([
      'config/trust/prod.json does not have the key that signs, other: npm run -s aegis -- pin',
    ])
  })

  it('refuses the service of the control plane without the zone of its name, or before that is delegated to', () => {
    const { controlZone: _, ...unpinned } = deployment
    expect(faultsOf(['aegis-prod-control-plane'], wholeFacts(), { deployment: unpinned })).toEqual([
      'the zone of the control plane is not pinned: npm run -s aegis -- pin',
    ])
    expect(faultsOf(['aegis-prod-control-plane-standby'], wholeFacts(), { deployment: unpinned })).toEqual([])
    expect(faultsOf(['aegis-prod-control-plane'], withStack('aegis-prod-routing'))).toEqual([
      'aegis-prod-control-plane needs aegis-prod-routing, which is not deployed: npm run deploy -- aegis-prod-routing',
    ])
  })

  it('rebuilds the control plane in its standby region while the home region is lost', () => {
    const moved = resolveDeployment({
      ...input,
      ...{ domain: 'aegis.corp', environments: { prod }, controlPlane: { standbyRegion: 'eu-central-1', runsIn: 'standby', term: 2 } },
    })
    const facts = wholeFacts()
    for (const account of [CONTROL, WORKLOAD]) facts.places.set(`${account}/eu-west-1`, { fault: 'eu-west-1 does not answer' })
    const again = deployOrder(moved)
    const { selected } = selectStacks(again, ['aegis-prod-control-plane-standby'])
    expect(preflightFaults({ deployment: moved, plan: again, selected, trustRoot, facts })).toEqual([])
  })

  it('refuses gateways and routing without the id of the hosted zone', () => {
    const { hostedZoneId: _, ...unpinned } = deployment
    const fault = 'the id of the hosted zone of aegis.corp is not pinned: npm run -s aegis -- pin'
    expect(faultsOf(['aegis-prod-routing'], wholeFacts(), { deployment: unpinned })).toEqual([fault])
    expect(faultsOf(['aegis-prod-gateway-*'], wholeFacts(), { deployment: unpinned })).toEqual([fault])
  })

  it('refuses a gateway while the domain is delegated nowhere, or elsewhere', () => {
    const delegatedTo = (...delegated: string[]) =>
      faultsOf([GATEWAY], { ...wholeFacts(), nameServers: { zone: ['ns-1.awsdns.com'], delegated } })
    expect(delegatedTo()).toEqual([expect.stringContaining('aegis.corp is delegated nowhere')])
    expect(delegatedTo('ns.parking.net')).toEqual([expect.stringContaining('aegis.corp is delegated to ns.parking.net')])
    expect(delegatedTo('ns-1.awsdns.com', 'ns.parking.net')).toEqual([])
  })

  it('refuses a place that is not bootstrapped', () => {
    const facts = wholeFacts()
    facts.places.set(`${WORKLOAD}/us-east-1`, { bootstrap: undefined, stacks: new Map() })
    expect(faultsOf(['aegis-prod-keys-*'], facts)).toEqual([
      `${WORKLOAD}/us-east-1 is not bootstrapped: npm exec cdk -- bootstrap aws://${WORKLOAD}/us-east-1`,
    ])
  })

  it('refuses an account that nobody gets into, in one line for all its stacks', () => {
    const facts = wholeFacts()
    facts.places.set(`${CONTROL}/eu-west-1`, { fault: 'no way into it' })
    expect(faultsOf(['aegis-prod-control-plane', GATEWAY], facts)).toEqual(['no way into it'])
  })

  it('deploys other regions while one is lost', () => {
    const facts = wholeFacts()
    facts.places.set(`${WORKLOAD}/us-east-1`, { fault: 'us-east-1 does not answer' })
    expect(faultsOf(['aegis-prod-*-eu-central-1'], facts)).toEqual([])
    expect(faultsOf(['aegis-prod-*-us-east-1'], facts)).toEqual(['us-east-1 does not answer'])
  })

  it('refuses a stack that is being changed', () => {
    expect(faultsOf([GATEWAY], withStack(GATEWAY, 'UPDATE_IN_PROGRESS'))).toEqual([
      `${GATEWAY} is being changed already (UPDATE_IN_PROGRESS): wait until that has ended`,
    ])
  })

  it('lets routing be first of all, and later refuses it before the gateway of a new region', () => {
    const none = wholeFacts()
    for (const place of none.places.values())
      if (!('fault' in place))
        for (const name of place.stacks.keys()) if (name.includes('-gateway-')) (place.stacks as Map<string, string>).delete(name)
    expect(faultsOf(['aegis-prod-routing'], none)).toEqual([])
    expect(faultsOf(['aegis-prod-routing'], withStack(GATEWAY))).toEqual([
      `aegis-prod-routing names the region of ${GATEWAY}, which is not deployed: npm run deploy -- ${GATEWAY}`,
    ])
  })

  it('refuses the global table while it is in other regions than pinned', () => {
    const fault = `the global table is in ${regions.join(', ')}, but no replica is pinned for prod: npm run -s aegis -- pin`
    expect(faultsOf(['aegis-prod-global-state'], wholeFacts())).toEqual([fault])
    const { replicas: _, ...first } = wholeFacts()
    expect(faultsOf(['aegis-prod-global-state'], first)).toEqual([])
  })
})
