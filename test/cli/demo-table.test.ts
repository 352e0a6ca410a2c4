import { expect, test } from '@jest/globals'
import { DEMO_FLOWS } from '../../runtime/cli/demo/flows.ts'
import { describeExpected, judge } from '../../runtime/cli/demo/judge.ts'
import type { DemoPlace } from '../../runtime/cli/demo/row.ts'
import { demoCalls } from '../../runtime/cli/demo/table.ts'
import { canCall, canWalk, inOrder, merged } from '../../runtime/cli/demo.ts'
import { agentIds } from '../../runtime/policy/agent-document.ts'
import { loadDocuments } from '../../runtime/policy/documents.ts'

const PLACE: DemoPlace = {
  regions: [
    { region: 'eu-west-1', zone: 'eu' },
    { region: 'eu-central-1', zone: 'eu' },
    { region: 'us-east-1', zone: 'us' },
    { region: 'ap-southeast-1', zone: 'apac' },
  ],
  zones: ['eu', 'us', 'apac'],
  globalUrl: 'https://global.aegis.example',
}
const zoneOf = (region: string) => PLACE.regions.find((cell) => cell.region === region)?.zone
const verdict = (more: object) => ({
  status: 200,
  text: JSON.stringify({
    decision: 'allow',
    enforced: 'allow',
    mode: 'enforce',
    reasons: [],
    region: 'eu-west-1',
    route: { region: 'eu-west-1' },
    ...more,
  }),
})

test('every row of the table is walked, in its order', () => {
  const rows = inOrder(demoCalls(PLACE), DEMO_FLOWS).map(({ row }) => row)
  expect([...new Set(rows)]).toEqual(Array.from({ length: 20 }, (_, index) => index + 1))
})

test('the calls fit the documents: agents, tools and actions exist', () => {
  const { agents, tools } = loadDocuments('demo')
  const known = new Set(agents.flatMap(agentIds))
  for (const { agent, tool, action } of demoCalls(PLACE)) {
    expect([agent, known.has(agent)]).toEqual([agent, true])
    expect(Object.keys(tools[tool]?.actions ?? {})).toContain(action)
  }
})

test('row 20 tries every issuer at every region, and the global name from every zone', () => {
  const calls = demoCalls(PLACE).filter(({ row, agent }) => row === 20 && agent === 'research-agent')
  expect(calls).toHaveLength(4 * 4 + 3)
})

test('a call that needs a region which does not run is not made', () => {
  const narrow = { ...PLACE, regions: PLACE.regions.slice(0, 1) }
  const agents = ['finance-agent', 'research-agent']
  const possible = demoCalls(PLACE).filter((call) => canCall(call, narrow, agents))
  expect(possible.every(({ entrance }) => !('region' in entrance) || entrance.region === 'eu-west-1')).toBe(true)
  expect(possible.some(({ agent }) => agent === 'trial-agent')).toBe(false)
  expect(DEMO_FLOWS.filter((flow) => canWalk(flow, narrow, agents)).map(({ row }) => row)).toEqual([19])
})

test('the flows are of agents that have documents', () => {
  const known = new Set(loadDocuments('demo').agents.flatMap(agentIds))
  for (const { agents } of DEMO_FLOWS) for (const agent of agents) expect([agent, known.has(agent)]).toEqual([agent, true])
})

test('an answer as promised is judged so', () => {
  expect(judge(verdict({}), { status: 200, decision: 'allow', routeZone: 'eu' }, zoneOf)).toEqual({
    ok: true,
    got: 'allow, route eu',
    region: 'eu-west-1',
  })
  const error = { status: 401, text: '{"error":{"code":"wrong_zone"}}' }
  expect(judge(error, { status: 401, error: 'wrong_zone' }, zoneOf)).toMatchObject({ ok: true, got: '401 wrong_zone' })
})

test.each([
  ['another decision', verdict({ decision: 'deny' }), { status: 200, decision: 'allow' }],
  [
    'another enforcement',
    verdict({ decision: 'approval_needed' }),
    { status: 200, decision: 'approval_needed', enforced: 'approval_needed' },
  ],
  ['another mode', verdict({}), { status: 200, mode: 'shadow' }],
  [
    'another reason',
    verdict({ decision: 'deny', reasons: [{ code: 'x' }] }),
    { status: 200, decision: 'deny', reason: 'tool_not_allowed' },
  ],
  ['a route out of the zone', verdict({ route: { region: 'us-east-1' } }), { status: 200, decision: 'allow', routeZone: 'eu' }],
  ['no route', verdict({ route: undefined }), { status: 200, decision: 'allow', routeZone: 'eu' }],
  ['a verdict where an error is due', verdict({}), { status: 401, error: 'wrong_zone' }],
  ['an error where a verdict is due', { status: 503, text: '{"error":{"code":"not_ready"}}' }, { status: 200, decision: 'allow' }],
  ['another error', { status: 401, text: '{"error":{"code":"invalid_token"}}' }, { status: 401, error: 'wrong_zone' }],
  ['another status', { status: 500, text: '{"error":{"code":"wrong_zone"}}' }, { status: 401, error: 'wrong_zone' }],
  [
    'data in what may be forwarded',
    verdict({ decision: 'sanitize', arguments: { body: 'DE89 3704-0044' } }),
    { status: 200, withheld: '37040044' },
  ],
  ['no arguments where they must be clean', verdict({ decision: 'sanitize' }), { status: 200, withheld: '37040044' }],
  ['none of several decisions', verdict({ decision: 'allow' }), { status: 200, decision: ['deny', 'approval_needed'] }],
  ['none of several reasons', verdict({ reasons: [{ code: 'x' }] }), { status: 200, reason: ['y', 'z'] }],
  ['no JSON', { status: 200, text: '<html>' }, { status: 200, decision: 'allow' }],
  ['nothing', { status: 200, text: '' }, { status: 200 }],
])('refuses %s', (_what, answer, expected) => {
  expect(judge(answer, expected, zoneOf).ok).toBe(false)
})

test('one of several is enough, and what was promised is shown before what else was said', () => {
  const answer = verdict({ decision: 'deny', enforced: 'deny', reasons: [{ code: 'x' }, { code: 'egress_not_allowed' }] })
  const expected = { status: 200, decision: ['deny', 'approval_needed'], reason: ['egress_private_address', 'egress_not_allowed'] }
  expect(judge(answer, expected, zoneOf)).toMatchObject({ ok: true, got: 'deny, egress_not_allowed' })
  expect(describeExpected(expected)).toBe('deny or approval_needed, egress_private_address or egress_not_allowed')
})

test('masked arguments withhold what they mask', () => {
  const answer = verdict({ decision: 'sanitize', arguments: { body: 'pay into ****3000' } })
  expect(judge(answer, { status: 200, decision: 'sanitize', withheld: '37040044053201' }, zoneOf).ok).toBe(true)
})

test('expectations and answers are described in the same words', () => {
  const expected = { status: 200, decision: 'approval_needed', enforced: 'allow', mode: 'shadow', reason: 'amount_over_limit' }
  const answer = verdict({ decision: 'approval_needed', mode: 'shadow', reasons: [{ code: 'amount_over_limit' }] })
  expect(judge(answer, expected, zoneOf).got).toBe(describeExpected(expected))
})

test('calls that differ only in place share a line; a failed one never hides in it', () => {
  const made = { row: 20, what: 'read', agent: 'a', expected: 'allow', got: 'allow', ok: true, where: 'eu-west-1' }
  const lines = merged([made, { ...made, where: 'us-east-1' }, { ...made, where: 'x', got: 'deny', ok: false }, { ...made, row: 1 }])
  expect(lines.map((line) => [line[0], line[5], line[6]])).toEqual([
    ['1', 'ok', 'eu-west-1'],
    ['20', 'ok', 'eu-west-1, us-east-1'],
    ['20', 'NO', 'x'],
  ])
})
