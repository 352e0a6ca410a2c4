import { beforeAll, describe, expect, test } from '@jest/globals'
import fc from 'fast-check'
import type { JsonObject } from '../../runtime/model/call.ts'
import { builtWasm } from '../../runtime/policy/build.ts'
import { loadEvaluator, PolicyError, type PolicyEvaluator } from '../../runtime/policy/evaluate.ts'
import type { PolicyInput } from '../../runtime/policy/policy-io.ts'
import { SMOKE_CALLS } from '../../runtime/policy/smoke.ts'
import { baseInput, loadFixtures, policyInput, said } from '../support/fixtures.ts'

const base = () => policyInput(baseInput())
const paying = (amount: unknown): PolicyInput => {
  const input = base()
  return { ...input, call: { ...input.call, arguments: { amount, currency: 'eur', recipient: 'supplier-7' } as JsonObject } }
}

let evaluator: PolicyEvaluator
beforeAll(async () => {
  evaluator = await loadEvaluator(builtWasm())
})

/** The committed module with one of its strings overwritten: what a broken or hostile build would answer. */
async function tampered(from: string, to: string): Promise<PolicyEvaluator> {
  const bytes = Buffer.from(builtWasm())
  const at = bytes.indexOf(`${from}\0`)
  expect(at).toBeGreaterThan(0)
  bytes.write(to, at)
  return loadEvaluator(bytes)
}

test('smoke and warm-up pass on the committed module', async () => {
  expect(() => evaluator.smoke()).not.toThrow()
  await evaluator.warm(120)
})

test('warming up gives way to other work', async () => {
  let turns = 0
  const timer = setInterval(() => turns++, 0)
  await evaluator.warm(5000)
  clearInterval(timer)
  expect(turns).toBeGreaterThan(2)
})

test('smoke calls cover all four outcomes', () => {
  expect(new Set(SMOKE_CALLS.map(({ outcome }) => outcome))).toEqual(new Set(['allow', 'deny', 'sanitize', 'approval_needed']))
})

describe('refuses an odd answer', () => {
  test.each([
    ['an outcome other than the four', 'allow', 'alloy', paying(1)],
    ['a reason that is not declared', 'amount_over_limit', 'amount_over_limyt', paying(600000)],
    ['obligations of another name', 'obligations', 'obligatiuns', paying(1)],
    ['an allow under another name', 'outcome', 'outcame', paying(1)],
  ])('%s', async (_, from, to, input) => {
    const broken = await tampered(from, to)
    expect(() => broken.evaluate(input)).toThrow(PolicyError)
  })

  test('smoke says which call went wrong', async () => {
    const broken = await tampered('sanitize', 'sanitise')
    expect(() => broken.smoke()).toThrow(PolicyError)
  })
})

test('refuses a module that is none', async () => {
  await expect(loadEvaluator(new Uint8Array([1, 2, 3]))).rejects.toThrow(PolicyError)
  await expect(loadEvaluator(builtWasm().subarray(0, 1000))).rejects.toThrow(PolicyError)
})

test('takes a module that is a view into a larger buffer', async () => {
  const wasm = builtWasm()
  const larger = Buffer.concat([Buffer.alloc(7), wasm, Buffer.alloc(9)])
  const loaded = await loadEvaluator(larger.subarray(7, 7 + wasm.byteLength))
  expect(loaded.evaluate(base()).outcome).toBe('allow')
})

describe('refuses numbers that JSON cannot say', () => {
  test.each([[Number.POSITIVE_INFINITY], [Number.NEGATIVE_INFINITY], [Number.NaN], [JSON.parse('1e400')], [2 ** 53], [undefined]])(
    '%p',
    (amount) => {
      expect(said(evaluator.evaluate(paying(amount)))).toEqual(['amount_invalid amount'])
    },
  )
})

test('refuses a lone surrogate with a coded error, and judges the next call', () => {
  const input = base()
  expect(() => evaluator.evaluate({ ...input, agent: { ...input.agent, id: '\ud800' } })).toThrow(PolicyError)
  expect(evaluator.evaluate(base()).outcome).toBe('allow')
})

test('refuses an input past its limit, and judges the next call', () => {
  const input = base()
  expect(() => evaluator.evaluate({ ...input, region: 'x'.repeat(20_000) })).toThrow(/policy input has 2\d{4} bytes/)
  expect(evaluator.evaluate(base()).outcome).toBe('allow')
})

test('refuses a circular input with a coded error', () => {
  const input = base()
  const args: Record<string, unknown> = {}
  args.self = args
  expect(() => evaluator.evaluate({ ...input, call: { ...input.call, arguments: args as JsonObject } })).toThrow(PolicyError)
})

test('text of every alphabet reaches the rules as it is', () => {
  const input = base()
  for (const id of ['ß€😀', 'a"b\\c\n', '\u0000', '\u2028', '{"policy":{}}'])
    expect(evaluator.evaluate({ ...input, agent: { ...input.agent, id } }).outcome).toBe('allow')
})

test('no amount of any JSON type is allowed past the limit', () => {
  fc.assert(
    fc.property(fc.oneof(fc.jsonValue(), fc.double(), fc.integer()), (amount) => {
      const { outcome } = evaluator.evaluate(paying(amount))
      const fits = typeof amount === 'number' && Number.isInteger(amount) && amount >= 0 && amount <= 500_000
      expect(outcome === 'allow').toBe(fits)
    }),
    { numRuns: 500 },
  )
})

test('no value in the place of a fact throws anything but a coded error, or allows what the facts do not', () => {
  const paths = ['call', 'agent', 'tenant', 'tool', 'data', 'zone'] as const
  fc.assert(
    fc.property(fc.constantFrom(...paths), fc.jsonValue(), (path, value) => {
      let outcome = 'error'
      try {
        outcome = evaluator.evaluate({ ...base(), [path]: value } as unknown as PolicyInput).outcome
      } catch (error) {
        expect(error).toBeInstanceOf(PolicyError)
      }
      expect(['deny', 'error']).toContain(outcome)
    }),
    { numRuns: 500 },
  )
})

test('the same input gives the same answer, whatever was judged before', () => {
  const fixtures = loadFixtures()
  const first = fixtures.map(({ input }) => JSON.stringify(evaluator.evaluate(policyInput(input))))
  const again = fixtures.toReversed().map(({ input }) => JSON.stringify(evaluator.evaluate(policyInput(input))))
  expect(again.reverse()).toEqual(first)
})
