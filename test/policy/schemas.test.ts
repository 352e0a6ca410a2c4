import { readFileSync } from 'node:fs'
import { expect, test } from '@jest/globals'
import { Ajv } from 'ajv'
import { POLICIES_DIR } from '../../runtime/policy/build.ts'
import { documentSchemas } from '../../runtime/policy/schemas.ts'
import { baseInput } from '../support/fixtures.ts'

test.each([...documentSchemas()])('policies/schemas/%s is current', (name, schema) => {
  expect(JSON.parse(readFileSync(`${POLICIES_DIR}schemas/${name}`, 'utf8'))).toEqual(schema)
})

test('the schema of the input, which Rego is checked against, describes an input', () => {
  const validate = new Ajv({ strict: false }).compile(JSON.parse(readFileSync(`${POLICIES_DIR}schemas/input.json`, 'utf8')))
  const input = { ...baseInput(), budget: { remaining: 1, cost: 1 }, approval: { id: 'a', rules: [], roles: [], approvers: 1 } }
  expect(validate(input) ? [] : validate.errors).toEqual([])
  expect(validate({ ...input, extra: 1 })).toBe(false)
})
