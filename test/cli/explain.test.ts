import { afterEach, beforeEach, describe, expect, test } from '@jest/globals'
import { explain } from '../../runtime/cli/explain.ts'
import { type FakeFabric, fakeFabric, refusal, type Said, type Seen } from './fake-fabric.ts'

const REGIONS = [
  { region: 'eu-west-1', zone: 'eu' },
  { region: 'us-east-1', zone: 'us' },
]
const ID = '0a1b2c3d-0000-8000-8000-00000000000a'
const found = {
  decision_id: ID,
  at: '2026-11-27T10:00:00.000Z',
  region: 'us-east-1',
  tenant: 'acme-eu',
  agent: 'finance-agent',
  tool: 'stripe-payments',
  action: 'create_payment',
  revision: 'rev-1',
  decision: 'approval_needed',
  enforced: 'approval_needed',
  mode: 'enforce',
  reasons: [
    { code: 'amount_over_limit', message: 'the amount is over the limit of this action', rule: 'max_amount', source: 'max_amount: 5 eur' },
  ],
  explanation: 'policy decided: approval_needed',
  facts: { arguments: { amount: 6 }, region: 'us-east-1' },
  reproduced: true,
  would_change: [{ what: 'amount at most 5', outcome: 'allow' }],
}

let fabric: FakeFabric
let answer: (seen: Seen) => Said | undefined
let lines: string[]
beforeEach(async () => {
  lines = []
  fabric = await fakeFabric(REGIONS, (seen) => answer(seen))
})
afterEach(() => fabric.close())
const run = (more: object = {}) => explain({ stateDir: fabric.stateDir, id: ID, json: false, ...more }, (line) => void lines.push(line))

const inUs = ({ region }: Seen): Said => (region === 'us-east-1' ? { status: 200, body: found } : refusal(404, 'not_found'))

describe('explain', () => {
  test('asks every region as a viewer, and tells what the one that knows says', async () => {
    answer = inUs
    await expect(run()).resolves.toBe(0)
    expect(fabric.seen.map(({ method, server, path, token }) => `${method} ${server} ${path} ${token}`)).toEqual(
      REGIONS.map(() => `GET operator /v1/decisions/${ID} viewer`),
    )
    expect(lines).toEqual([
      'approval_needed  stripe-payments.create_payment  by finance-agent of acme-eu',
      `2026-11-27T10:00:00.000Z  us-east-1  revision rev-1  decision ${ID}`,
      '',
      'policy decided: approval_needed',
      '',
      'why:',
      '  amount_over_limit (rule max_amount): the amount is over the limit of this action',
      '    max_amount: 5 eur',
      '',
      'what policy saw:',
      expect.stringMatching(/^ {2}arguments +{"amount":6}$/),
      expect.stringMatching(/^ {2}region +"us-east-1"$/),
      '',
      'what would have changed it:',
      '  amount at most 5: allow',
    ])
  })

  test('asks one region about a time, and prints JSON', async () => {
    answer = inUs
    await run({ region: 'us-east-1', at: '2026-11-27T10:00:00Z', json: true })
    expect(fabric.seen.map(({ region, path }) => [region, path])).toEqual([
      ['us-east-1', `/v1/decisions/${ID}?at=2026-11-27T10%3A00%3A00Z`],
    ])
    expect(JSON.parse(lines.join())).toEqual(found)
  })

  test('a region that is down does not keep another from answering', async () => {
    answer = (seen) => (seen.region === 'eu-west-1' ? undefined : inUs(seen))
    await expect(run()).resolves.toBe(0)
  })

  test.each<[string, object, (seen: Seen) => Said | undefined, RegExp, number]>([
    ['what is no decision id', { id: '../kills' }, () => undefined, /is not a decision id/, 2],
    ['a region that does not run', { region: 'mars-1' }, () => undefined, /^no region mars-1 runs here/, 2],
    ['what nobody knows', {}, () => refusal(404, 'not_found'), /^no region knows this decision/, 1],
    [
      'what the named region does not know',
      { region: 'eu-west-1' },
      () => refusal(404, 'not_found'),
      /not_found: because of not_found$/,
      1,
    ],
    [
      'what may be where nobody answers',
      {},
      (seen) => (seen.region === 'us-east-1' ? undefined : refusal(404, 'not_found')),
      /without an answer: us-east-1$/,
      1,
    ],
    [
      'a region that cannot read',
      {},
      ({ region }) => (region === 'us-east-1' ? refusal(503, 'state_unavailable') : refusal(404, 'not_found')),
      /was refused: state_unavailable/,
      1,
    ],
  ])('refuses %s, in one line', async (_what, more, said, message, exitCode) => {
    answer = said
    await expect(run(more)).rejects.toMatchObject({ message: expect.stringMatching(message), exitCode })
    expect(lines).toEqual([])
  })
})
