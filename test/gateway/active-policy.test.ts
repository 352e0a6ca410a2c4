import { expect, test } from '@jest/globals'
import type { BundleData } from '../../runtime/policy/bundle-data.ts'
import { changedBundle } from '../support/changed-bundle.ts'
import { activePolicy, testTrust } from '../support/gateway.ts'

test('a bundle compiles the schemas that are new, and no other', async () => {
  const trust = await testTrust()
  const policyOf = async (edit: (data: BundleData) => void) =>
    activePolicy(trust, 'eu', [], { bundleBytes: (await changedBundle(trust, { zone: 'eu', edit })).bytes })
  const pay = (data: BundleData) =>
    data.aegis.tools['stripe-payments']?.actions.create_payment?.schema as { properties: { amount: object } }
  const first = await policyOf(() => {})
  const other = await policyOf((data) => {
    pay(data).properties.amount = { type: 'integer', maximum: 10 }
  })
  const paying = (policy: typeof first) => policy.tools.get('stripe-payments')?.actions.get('create_payment')
  const args = { amount: 11, currency: 'eur', recipient: 'supplier-7' }
  expect([paying(first)?.accepts(args), paying(other)?.accepts(args)]).toEqual([true, false])
  expect(paying(other)?.schemaDigest).not.toBe(paying(first)?.schemaDigest)
  for (const [name, { actions }] of first.tools)
    for (const [action, { accepts }] of actions) {
      if (action !== 'create_payment') expect(other.tools.get(name)?.actions.get(action)?.accepts).toBe(accepts)
    }
})
