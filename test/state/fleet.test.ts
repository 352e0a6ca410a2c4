import { PutItemCommand } from '@aws-sdk/client-dynamodb'
import { type FleetReport, type FleetReports, globalFleet } from '../../runtime/state/fleet.ts'
import { type TestTables, testTables } from '../support/dynamodb.ts'

let tables: TestTables
let fleet: FleetReports
beforeAll(async () => {
  tables = await testTables('global')
  fleet = globalFleet(tables.client, 'global')
})
afterAll(() => tables.close())

const report = (id: string, atMs: number): FleetReport => ({
  labels: { id, version: '0.1.0', region: 'eu-west-1', zone: 'eu', environment: 'prod' },
  bundles: { stable: { name: 'stable', type: 'snapshot', active_revision: 'abc' } },
  aegis: {
    at_ms: atMs,
    started_ms: 1,
    bundle_seq: 4,
    bundle_digest: 'b'.repeat(64),
    directory_seq: 5,
    directory_digest: 'd'.repeat(64),
    age_s: 1,
    expires_in_s: 100,
    candidate: null,
    revisions: {
      abc: {
        calls: 2,
        allow: 1,
        deny: 1,
        sanitize: 0,
        approval_needed: 0,
        faults: 0,
        duration_us: [
          [1000, 2],
          [null, 0],
        ],
      },
    },
    comparison: null,
  },
})

test('each process is heard with its last word, and not when it is old', async () => {
  await fleet.write(report('one', 1000))
  await fleet.write(report('one', 2000))
  await fleet.write(report('two', 9000))
  const heard = (nowMs: number) => fleet.read('eu-west-1', { nowMs, maxAgeMs: 8000 })
  expect(await heard(10_000)).toEqual([report('one', 2000), report('two', 9000)])
  expect(await heard(10_001)).toEqual([report('two', 9000)])
  expect(await fleet.read('us-east-1', { nowMs: 10_000, maxAgeMs: 8000 })).toEqual([])
})

test('a report of another shape counts as none', async () => {
  const key = { pk: { S: 'fleet#us-west-2' }, sk: { S: 'odd' } }
  await tables.client.send(new PutItemCommand({ TableName: 'global', Item: { ...key, report: { S: '{"labels":{}}' } } }))
  expect(await fleet.read('us-west-2', { nowMs: 0, maxAgeMs: 1 })).toEqual([])
})
