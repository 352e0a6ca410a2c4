import { PutItemCommand } from '@aws-sdk/client-dynamodb'
import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { globalVouchers } from '../../runtime/state/vouchers.ts'
import { type TestTables, testTables } from '../support/dynamodb.ts'

let tables: TestTables
beforeAll(async () => {
  tables = await testTables('global')
})
afterAll(() => tables.close())

const slow = { timeoutMs: 20_000 }
const budget = { agent: 'treasury-agent', period: '2026-11-22', unit: 'eur' }
const voucher = { ...budget, id: '2026-11-22.abc.eu-west-1', from: 'eu-west-1', to: 'eu-central-1', amount: 5 }

test('puts a voucher once: what stands is never changed', async () => {
  const vouchers = globalVouchers(tables.client, 'global', slow)
  await vouchers.insert(voucher)
  await vouchers.insert({ ...voucher, amount: 500 })
  expect(await vouchers.addressedTo('eu-central-1', '2026-11-21')).toEqual([voucher])
  expect(await vouchers.addressedTo('eu-central-1', '2026-11-23')).toEqual([])
  expect(await vouchers.addressedTo('eu-west-1', '2026-11-21')).toEqual([])
})

test('keeps the newest want of a region for each budget, urgent ones apart', async () => {
  const vouchers = globalVouchers(tables.client, 'global', slow)
  const want = { ...budget, id: 'w1', amount: 10, urgent: false, atMs: 1_795_000_000_000 }
  await vouchers.want('us-east-1', want)
  await vouchers.want('us-east-1', { ...want, id: 'w2', urgent: true })
  await vouchers.want('us-east-1', { ...want, agent: 'other-agent' })
  await vouchers.want('us-east-1', { ...want, id: 'w3' })
  expect(await vouchers.wantsOf('us-east-1', '2026-11-22')).toEqual([
    { ...want, agent: 'other-agent' },
    { ...want, id: 'w2', urgent: true },
    { ...want, id: 'w3' },
  ])
  expect(await vouchers.wantsOf('us-east-1', '2026-11-23')).toEqual([])
  expect(await vouchers.wantsOf('eu-west-1', '2026-11-22')).toEqual([])
})

test.each([{ N: '0' }, { N: '-5' }, { N: '1.5' }, { N: '1e30' }, { S: '5' }])('leaves a voucher out whose amount is %j', async (amount) => {
  const vouchers = globalVouchers(tables.client, 'global', slow)
  const to = `region-${Object.values(amount)[0]}`
  await vouchers.insert({ ...voucher, to })
  const { agent, period, unit, from } = voucher
  const Item = {
    pk: { S: `vouchers#${to}` },
    sk: { S: 'z' },
    agent: { S: agent },
    period: { S: period },
    unit: { S: unit },
    from: { S: from },
  }
  await tables.client.send(new PutItemCommand({ TableName: 'global', Item: { ...Item, amount } }))
  expect((await vouchers.addressedTo(to, '2026-11-21')).map(({ id }) => id)).toEqual([voucher.id])
})
