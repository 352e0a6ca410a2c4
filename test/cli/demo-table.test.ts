import { expect, test } from '@jest/globals'
import { merged } from '../../runtime/cli/demo.ts'
import { describeExpected, judge } from '../../runtime/cli/demo-judge.ts'
import { canRun, type DemoPlace, demoCalls, NOT_IN_THIS_VERSION } from '../../runtime/cli/demo-table.ts'
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

test('every row of the table is either called or named as missing, none is both', () => {
  const called = new Set(demoCalls(PLACE).map(({ row }) => row))
  const missing = Object.keys(NOT_IN_THIS_VERSION).map(Number)
  expect([...called, ...missing].sort((one, other) => one - other)).toEqual(Array.from({ length: 20 }, (_, index) => index + 1))
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
  const possible = demoCalls(PLACE).filter((call) => canRun(call, narrow, ['finance-agent', 'research-agent']))
  expect(possible.every(({ entrance }) => !('region' in entrance) || entrance.region === 'eu-west-1')).toBe(true)
  expect(possible.some(({ agent }) => agent === 'trial-agent')).toBe(false)
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
  ['no JSON', { status: 200, text: '<html>' }, { status: 200, decision: 'allow' }],
  ['nothing', { status: 200, text: '' }, { status: 200 }],
])('refuses %s', (_what, answer, expected) => {
  expect(judge(answer, expected, zoneOf).ok).toBe(false)
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
