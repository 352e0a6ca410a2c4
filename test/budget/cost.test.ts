import { describe, expect, test } from '@jest/globals'
import { costOf, UNPAYABLE } from '../../runtime/budget/cost.ts'
import type { JsonObject } from '../../runtime/model/call.ts'
import { agentOf } from './world.ts'

const money = { amount: '/amount', currency: '/currency' }

test('an agent without a budget has no cost', () => {
  expect(costOf({ budget: null }, money, { amount: 1, currency: 'eur' })).toBeNull()
})

describe('money', () => {
  const cost = (args: Parameters<typeof costOf>[2]) => costOf(agentOf(100, 'eur'), money, args)

  test('costs the amount in the currency of the budget, and nothing in another, which policy refuses', () => {
    expect(cost({ amount: 42, currency: 'eur' })).toEqual({ cost: 42, unit: 'eur' })
    expect(cost({ amount: 42, currency: 'usd' })).toEqual({ cost: 0, unit: 'eur' })
    expect(costOf(agentOf(100, 'eur'), {}, { amount: 42 })).toEqual({ cost: 0, unit: 'eur' })
  })

  test.each([-1, 1.5, Number.NaN, '42', null, [42], 2 ** 53])('refuses to guess an amount of %j', (amount) => {
    expect(cost({ amount, currency: 'eur' })?.cost).toBe(UNPAYABLE)
  })

  test.each<JsonObject>([{ amount: 42 }, { currency: 'eur' }, { amount: 42, currency: null }, {}])('refuses to guess from %j', (args) => {
    expect(cost(args)?.cost).toBe(UNPAYABLE)
  })
})

test('a call costs one call, whatever it does', () => {
  expect(costOf(agentOf(100, 'calls'), {}, {})).toEqual({ cost: 1, unit: 'calls' })
  expect(costOf(agentOf(100, 'calls'), money, { amount: 42, currency: 'eur' })).toEqual({ cost: 1, unit: 'calls' })
})

describe('tokens', () => {
  const roles = { tokens: '/options/max_tokens' }
  test('cost what the argument says, and nothing where no argument has the role', () => {
    expect(costOf(agentOf(100, 'tokens'), roles, { options: { max_tokens: 50 } })).toEqual({ cost: 50, unit: 'tokens' })
    expect(costOf(agentOf(100, 'tokens'), {}, { options: { max_tokens: 50 } })).toEqual({ cost: 0, unit: 'tokens' })
  })

  test.each<JsonObject>([{}, { options: [50] }, { options: { max_tokens: '50' } }, { options: { max_tokens: -5 } }, { options: null }])(
    'refuse to be guessed from %j',
    (args) => {
      expect(costOf(agentOf(100, 'tokens'), roles, args)?.cost).toBe(UNPAYABLE)
    },
  )
})
