import { deployOrder, selectStacks } from '../../config/deploy-order.ts'
import { deployment as input } from '../../config/deployment.ts'
import { resolveDeployment } from '../../config/resolve.ts'

const plan = deployOrder(resolveDeployment(input))
const named = (...patterns: string[]) => selectStacks(plan, patterns).selected.map(({ name }) => name)

describe('the order of stacks', () => {
  it('has what a stack needs before it', () => {
    const place = new Map(plan.map(({ name }, index) => [name, index]))
    for (const { name, needs } of plan) {
      for (const need of needs)
        expect([name, need, (place.get(need) ?? Number.NaN) < (place.get(name) as number)]).toEqual([name, need, true])
    }
  })

  it('lets a region be deployed without any other region', () => {
    const foreign = named('aegis-prod-*-us-east-1').flatMap((name) => plan.find((stack) => stack.name === name)?.needs ?? [])
    expect(foreign.filter((need) => /(eu|ap)-[a-z]+-\d$/.test(need))).toEqual([])
  })
})

describe('a pattern', () => {
  it('names every stack of a region, in the order of the plan', () => {
    expect(named('aegis-prod-*-eu-central-1')).toEqual(
      ['keys', 'bundle-store', 'network', 'residency-store', 'gateway', 'drills'].map((kind) => `aegis-prod-${kind}-eu-central-1`),
    )
  })

  it('takes a name as it is, and ? for one character', () => {
    expect(named('aegis-prod-dns')).toEqual(['aegis-prod-dns'])
    expect(named('aegis-prod-d?s')).toEqual(['aegis-prod-dns'])
    expect(named('aegis.prod.dns')).toEqual([])
  })

  it('is told when it names nothing', () => {
    expect(selectStacks(plan, ['aegis-prod-dns', 'aegis-dev-*']).unmatched).toEqual(['aegis-dev-*'])
  })
})
