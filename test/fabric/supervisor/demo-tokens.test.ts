import { expect, test } from '@jest/globals'
import { issuerOf } from '../../../runtime/fabric/supervisor/demo-tokens.ts'

const WEST = { region: 'eu-west-1', zone: 'eu' }
const CENTRAL = { region: 'eu-central-1', zone: 'eu' }
const US = { region: 'us-east-1', zone: 'us' }
const bound = { homeRegion: 'eu-west-1', zone: 'eu', binding: 'zone' } as const
const unbound = { homeRegion: null, zone: 'global', binding: 'none' } as const

test.each([
  ["a tenant's home issues its tokens", bound, [US, CENTRAL, WEST], 'eu-west-1'],
  ['a region of its zone, where the home was left out of the start', bound, [US, CENTRAL], 'eu-central-1'],
  ['nobody, where none of its zone runs', bound, [US], undefined],
  ['any, for a tenant that nothing binds', unbound, [US, CENTRAL], 'us-east-1'],
])('%s', (_what, tenant, served, issuer) => {
  expect(issuerOf(tenant, served)).toBe(issuer)
})
