import { UpdateItemCommand } from '@aws-sdk/client-dynamodb'
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { regionalOutcomes } from '../../runtime/state/outcomes.ts'
import { regionalSlices } from '../../runtime/state/slices.ts'
import { ModelOutcomes, ModelSlices } from '../budget/model.ts'
import { type TestTables, testTables } from '../support/dynamodb.ts'
import { sliceContract } from './slices-contract.ts'

let tables: TestTables
beforeAll(async () => {
  tables = await testTables('slices')
})
afterAll(() => tables.close())

// On a busy machine a hundred racing requests take longer than one may in production.
const slow = { timeoutMs: 20_000 }

describe('in a table', () => {
  sliceContract(() => regionalSlices(tables.client, 'slices', slow))
})

describe('in the model', () => {
  sliceContract(() => new ModelSlices())
})

const key = { agent: 'broken-agent', period: '2026-11-22', unit: 'eur' }

test.each([
  ['do not add up', 'SET free_units = :value', { N: '101' }, 'do not add up'],
  ['are negative', 'SET free_units = :value', { N: '-1' }, 'not a natural number'],
  ['are no numbers', 'SET granted = :value', { S: '100' }, 'malformed'],
])('refuses to read a slice whose books %s', async (_, set, value, message) => {
  const slices = regionalSlices(tables.client, 'slices', slow)
  const here = { ...key, unit: `${set} ${message}` }
  await slices.open(here, 100, 1)
  await tables.client.send(
    new UpdateItemCommand({
      TableName: 'slices',
      Key: { pk: { S: `slice#${here.agent}` }, sk: { S: `${here.period}#${here.unit}` } },
      UpdateExpression: set,
      ExpressionAttributeValues: { ':value': value },
    }),
  )
  await expect(slices.read(here)).rejects.toThrow(message)
})

test('refuses to answer when the table does not', async () => {
  await expect(regionalSlices(tables.client, 'no-such-table').read(key)).rejects.toThrow()
})

describe.each([
  ['a table', () => regionalOutcomes(tables.client, 'slices', slow)],
  ['the model', () => new ModelOutcomes()],
])('outcomes in %s', (_, make) => {
  const report = { decisionId: 'd-1', agentId: 'a', tenant: 't', status: 'executed' as const, cost: 3 }

  test('let the first report of an agent stand, and nobody else take its place', async () => {
    const outcomes = make()
    const stranger = { ...report, agentId: 'b', status: 'not_executed' as const, cost: undefined }
    expect(await outcomes.claim(stranger, 1000)).toEqual(stranger)
    expect(await outcomes.claim(report, 1000)).toEqual(report)
    expect(await outcomes.claim({ ...report, cost: 4 }, 2000)).toEqual(report)
  })

  test('are found by the process that they are for, since a time', async () => {
    const outcomes = make()
    await outcomes.tell('aaaaaaaaaaaa', report, 5000)
    await outcomes.tell('aaaaaaaaaaaa', { ...report, decisionId: 'd-2', cost: undefined }, 90_000)
    expect((await outcomes.toldTo('aaaaaaaaaaaa', 5001)).map(({ decisionId }) => decisionId)).toEqual(['d-2'])
    expect((await outcomes.toldTo('aaaaaaaaaaaa', 0)).map(({ decisionId }) => decisionId)).toEqual(['d-1', 'd-2'])
    expect(await outcomes.toldTo('bbbbbbbbbbbb', 0)).toEqual([])
  })
})
