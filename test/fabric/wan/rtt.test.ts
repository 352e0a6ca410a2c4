import { expect, test } from '@jest/globals'
import { deployment as input } from '../../../config/deployment.ts'
import { resolveDeployment } from '../../../config/resolve.ts'
import { regionsOf } from '../../../config/schema.ts'
import { CHECKER_LOCATIONS } from '../../../runtime/fabric/dns/checkers.ts'
import { addressPlan } from '../../../runtime/fabric/wan/addresses.ts'
import { rttMatrix } from '../../../runtime/fabric/wan/rtt.ts'

const deployment = resolveDeployment(input)
const rtt = rttMatrix(deployment)
const regions = regionsOf(deployment).map(({ region }) => region)

test.each([
  ['eu-west-1', 'eu-central-1', 20, 30],
  ['eu-west-1', 'us-east-1', 70, 90],
  ['eu-central-1', 'us-east-1', 80, 100],
  ['eu-west-1', 'ap-southeast-1', 160, 185],
  ['us-east-1', 'ap-southeast-1', 200, 240],
  // By the formula, which knows distances and no cables.
  ['us-east-1', 'us-west-2', 45, 85],
  ['eu-west-1', 'sa-east-1', 120, 200],
  ['ap-northeast-1', 'ap-southeast-1', 50, 90],
])('%s to %s is between %i and %i ms', (from, to, low, high) => {
  expect(rtt(from, to)).toBeGreaterThanOrEqual(low)
  expect(rtt(from, to)).toBeLessThanOrEqual(high)
})

test('every pair of places and checkers has a round trip, the same both ways', () => {
  const places = [...regions, ...Object.keys(deployment.zones), ...CHECKER_LOCATIONS]
  for (const from of places) {
    for (const to of places) {
      expect(rtt(from, to)).toBeGreaterThan(0)
      expect(rtt(from, to)).toBe(rtt(to, from))
    }
  }
})

test('clients of a zone are nearest to their primary, and 10 to 20 ms from every region of their zone', () => {
  for (const [zone, { regions: own }] of Object.entries(deployment.zones)) {
    const [nearest] = regions.toSorted((one, other) => rtt(zone, one) - rtt(zone, other))
    expect(nearest).toBe(own[0])
    for (const region of own) expect(rtt(zone, region)).toBeLessThanOrEqual(20)
  }
})

test('refuses a region whose place it does not know', () => {
  expect(() => rtt('eu-west-1', 'xx-nowhere-1')).toThrow('no coordinates for region xx-nowhere-1; add its latitude')
})

test('the address plan gives every place its own network, and knows it back', () => {
  const plan = addressPlan(deployment)
  expect(plan.loadBalancer('eu-west-1')).toBe('44.128.1.10')
  expect(plan.places.map(({ id, subnet }) => [id, subnet.ip])).toEqual([
    ['eu-west-1', '44.128.1.0'],
    ['eu-central-1', '44.128.2.0'],
    ['us-east-1', '44.128.3.0'],
    ['ap-southeast-1', '44.128.4.0'],
    ['eu', '44.128.201.0'],
    ['us', '44.128.202.0'],
    ['apac', '44.128.203.0'],
  ])
  for (const { id } of plan.places) expect(plan.placeOf(plan.host(id, 77))).toBe(id)
  expect(plan.placeOf('44.128.20.1')).toBeUndefined()
  expect(() => plan.host('mars', 1)).toThrow('no place mars')
})
