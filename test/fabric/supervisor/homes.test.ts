import { describe, expect, test } from '@jest/globals'
import { type HomeSaid, standOf } from '../../../runtime/fabric/supervisor/homes.ts'

const said = (region: string, active: string | null, serves = false): HomeSaid => ({ region, active, serves })
const BOTH = ['eu-west-1', 'eu-central-1']

describe('a region-bound tenant', () => {
  test('is served when one region says that it serves it', () => {
    expect(standOf([undefined, said('eu-central-1', 'eu-central-1', true)], BOTH)).toBe('served')
  })

  test.each([
    ['its active region does not serve it yet', [said('eu-west-1', 'eu-west-1'), said('eu-central-1', 'eu-west-1')], BOTH],
    // Each points to the other: one of them has not looked at the promotions yet.
    ['its regions do not agree', [said('eu-west-1', 'eu-central-1'), said('eu-central-1', 'eu-west-1')], BOTH],
    ['a region has said nothing', [undefined, said('eu-central-1', 'eu-west-1')], ['eu-central-1']],
    ['no region knows where it is', [said('eu-west-1', null)], ['eu-west-1']],
  ])('is waited for while %s', (_why, all, running) => {
    expect(standOf(all, running)).toBe('waits')
  })

  test('is not here when all agree on a region that does not run', () => {
    expect(standOf([said('eu-central-1', 'eu-west-1')], ['eu-central-1'])).toEqual({ gone: 'eu-west-1' })
  })
})
