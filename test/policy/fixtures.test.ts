import { beforeAll, describe, expect, test } from '@jest/globals'
import { builtWasm } from '../../runtime/policy/build.ts'
import { loadEvaluator, type PolicyEvaluator } from '../../runtime/policy/evaluate.ts'
import { loadFixtures, policyInput, said } from '../support/fixtures.ts'

let evaluator: PolicyEvaluator
beforeAll(async () => {
  evaluator = await loadEvaluator(builtWasm())
})

describe('the committed module answers every fixture', () => {
  test.each(loadFixtures())('$name', ({ input, outcome, reasons, obligations }) => {
    const output = evaluator.evaluate(policyInput(input))
    expect({ outcome: output.outcome, reasons: said(output) }).toEqual({ outcome, reasons })
    expect(output.obligations).toMatchObject(obligations)
  })
})
