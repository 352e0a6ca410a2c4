import { describe, expect, test } from '@jest/globals'
import type { ReplayResult, Revision, Rollout } from '../../runtime/cli/policy/answers.ts'
import { behindOf } from '../../runtime/cli/policy/behind.ts'
import { changeCounts, changeLines } from '../../runtime/cli/policy/changes.ts'
import { diffLines } from '../../runtime/cli/policy/diff-lines.ts'
import { endingOf } from '../../runtime/cli/policy/ending.ts'
import { historyLines } from '../../runtime/cli/policy/history.ts'
import { evidenceText, newsOf, stageLine } from '../../runtime/cli/policy/progress.ts'
import { replayLines, totalOf } from '../../runtime/cli/policy/replay-lines.ts'
import { instant, left, span } from '../../runtime/cli/policy/span.ts'
import { sameStatus, statusLines } from '../../runtime/cli/policy/status-lines.ts'
import { wrap } from '../../runtime/cli/policy/wrap.ts'
import { ACTIVE, DIFF, NEW, ROLLOUT, statusOf } from './fake-control-plane.ts'

const NOW = Date.parse('2026-11-27T22:41:00.000Z')
const at = (more: Partial<Rollout>): Rollout => ({ ...ROLLOUT, ...more })
const text = (lines: readonly string[]) => lines.join('\n')

describe('progress', () => {
  const canary = at({ stage: 'canary', region: 'eu-west-1', bake_until: '2026-11-27T22:41:15.000Z' })

  test('the first look says where it is', () => {
    expect(newsOf(undefined, canary, NOW)).toEqual(['canary: a share of the agents in eu-west-1, for 15 s'])
  })

  test('a stage that was held tells what it counted', () => {
    const counted = at({ evidence: { replayed: 12_400, new_denies: 0 } })
    expect(newsOf(counted, { ...canary, evidence: counted.evidence }, NOW)[0]).toBe('replay held: 12,400 replayed, 0 new denies')
  })

  test('counts that begin anew with a stage do not hide those of the one before', () => {
    const counted = { ...canary, evidence: { calls: 310, compared: 300 } }
    const next = at({ stage: 'region', region: 'eu-central-1', done: ['eu-west-1'], evidence: { calls: 0, compared: 0 } })
    expect(newsOf(counted, next, NOW)).toEqual(['canary held: 310 calls, 300 compared', 'eu-west-1 has it'])
  })

  test('regions are told once each, also when a look missed whole stages', () => {
    const all = at({ stage: 'all', done: ['eu-west-1', 'eu-central-1'] })
    expect(newsOf(at({}), all, NOW)).toEqual(['replay held', 'eu-west-1 has it', 'eu-central-1 has it'])
    expect(newsOf(all, at({ stage: 'all', done: ['eu-west-1', 'eu-central-1', 'us-east-1'] }), NOW)).toEqual(['us-east-1 has it'])
  })

  test('nothing that happened is no news', () => {
    expect(newsOf(canary, { ...canary, evidence: { calls: 4 } }, NOW)).toEqual([])
  })

  test('refuses to say that a stage was held in which it was aborted', () => {
    expect(newsOf(canary, at({ stage: 'region', state: 'aborted', why: 'x' }), NOW)).toEqual([])
    expect(newsOf(canary, at({ stage: 'all', state: 'rolled_back', why: 'x' }), NOW)).toEqual([])
  })

  test('a paused one that goes on', () => {
    expect(newsOf({ ...canary, state: 'paused' }, canary, NOW)).toEqual(['it was resumed'])
  })

  test.each<[Partial<Rollout>, string]>([
    [
      { stage: 'shadow', bake_until: '2026-11-27T22:43:00.000Z' },
      'shadow: it judges beside what is in force, and decides nothing, for 2 min',
    ],
    [
      { stage: 'region', region: 'us-east-1', waiting_for: 'us-east-1, which is silent' },
      'region by region: us-east-1; waiting for us-east-1, which is silent',
    ],
    [{ stage: 'canary', region: 'eu-west-1', bake_until: '2026-11-27T22:40:59.000Z' }, 'canary: a share of the agents in eu-west-1'],
    [{ stage: 'all' }, 'all regions that are left'],
    [{ stage: 'a newer one' }, 'a newer one'],
  ])('where it is: %j', (more, line) => {
    expect(stageLine(at(more), NOW)).toBe(line)
  })

  test('evidence: numbers under their names, and nothing else', () => {
    expect(evidenceText({ calls: 12_000, new_denies: 0, p99_ms: 1.25, regions: { a: 1 }, note: 'x' })).toBe(
      '12,000 calls, 0 new denies, 1.25 p99 ms',
    )
    expect(evidenceText(null)).toBe('')
  })
})

describe('how it ends', () => {
  const endedAt = { ended_at: '2026-11-27T22:41:04.200Z' }

  test('completed', () => {
    const done = at({ state: 'completed', ...endedAt })
    expect(endingOf({ kind: 'ended', rollout: done }, done)).toEqual({
      lines: [`done in 4.2 s: ${NEW} is in force`],
      code: 0,
    })
  })

  test.each(['aborted', 'rolled_back'] as const)('%s: why, what was measured, what is in force, what to do', (state) => {
    const ended = at({ state, why: '14 % would be denied', evidence: { compared: 300 }, ...endedAt })
    const { lines, code } = endingOf({ kind: 'ended', rollout: ended }, ended)
    expect(code).toBe(1)
    expect(lines[0]).toBe(`${state.replace('_', ' ')} after 4.2 s: 14 % would be denied`)
    expect(lines[1]).toBe('measured: 300 compared')
    expect(lines[2]).toMatch(new RegExp(`^${ACTIVE} is in force; .*replay ${NEW}`))
  })

  test('paused, left and lost are no success, and say how to go on', () => {
    const paused = at({ state: 'paused', stage: 'canary', region: 'eu-west-1', why: 'by ann' })
    for (const ending of [{ kind: 'paused', rollout: paused }, { kind: 'left' }, { kind: 'lost', forMs: 30_000 }] as const) {
      const { lines, code } = endingOf(ending, ROLLOUT)
      expect([code, text(lines)]).toEqual([1, expect.stringContaining('npm run policy -- ')])
    }
    expect(endingOf({ kind: 'paused', rollout: paused }, ROLLOUT).lines[0]).toBe(
      'rollout r-12 is paused in stage canary at eu-west-1: by ann',
    )
  })

  test('one that ended unseen is a success only when it was completed', () => {
    expect(endingOf({ kind: 'overtaken', state: 'completed' }, ROLLOUT).code).toBe(0)
    expect(endingOf({ kind: 'overtaken', state: 'aborted' }, ROLLOUT).code).toBe(1)
    expect(endingOf({ kind: 'overtaken', state: 'unknown' }, ROLLOUT).code).toBe(1)
  })
})

describe('status', () => {
  const shown = (...args: Parameters<typeof statusOf>) => text(statusLines(statusOf(...args), { nowMs: NOW, columns: 90 }))

  test('what is in force, since when, and that everybody has it', () => {
    const lines = shown(ACTIVE, 40)
    expect(lines).toContain(`revision ${ACTIVE}, seq 40, since 2026-11-27 22:00:00Z (41 min)`)
    expect(lines).toContain('converged all 3 regions and 3 gateways have it')
    expect(lines).not.toContain('candidate')
  })

  test('nothing is in force yet', () => {
    const nothing = { seq: null, revision: null, published_at: null, converged: false, directory: null, regions: [], fleet: [] }
    expect(text(statusLines({ ...statusOf(ACTIVE, 1), ...nothing }, { nowMs: NOW, columns: 90 }))).toContain('nothing is published yet')
  })

  test('a rollout under way and the last one, with why it ended', () => {
    const lines = shown(ACTIVE, 40, {
      rollout: at({ stage: 'canary', region: 'eu-west-1', bake_until: '2026-11-27T22:42:05.000Z', evidence: { compared: 300 } }),
      last_rollout: at({ id: 'r-11', state: 'aborted', ended_at: '2026-11-27T22:41:03.000Z', why: 'too many denies' }),
    })
    expect(lines).toContain('in eu-west-1, for 65 s')
    expect(lines).toContain('300 compared')
    expect(lines.replaceAll(/\s+/g, ' ')).toContain('aborted at 2026-11-27 22:41:03Z after 3.0 s: too many denies')
  })

  test('a candidate that a gateway has, does not have yet, or refused', () => {
    const status = statusOf(ACTIVE, 40)
    const [one, two, three] = status.fleet
    if (one === undefined || two === undefined || three === undefined) throw new Error('needs three')
    one.candidate = { revision: NEW, share_percent: 10, loaded: true, error: null }
    two.candidate = { revision: NEW, share_percent: 10, loaded: false, error: null }
    three.candidate = { revision: null, share_percent: 0, loaded: false, error: 'it is for zone us' }
    const lines = statusLines(status, { nowMs: NOW, columns: 120 })
    expect(lines.find((line) => line.startsWith('eu-west-1') && line.includes('task'))).toMatch(new RegExp(`${NEW} for 10 %$`))
    expect(lines.find((line) => line.includes('task-1'))).toMatch(/for 10 %, not loaded yet$/)
    expect(lines.find((line) => line.includes('task-2'))).toMatch(/refused: it is for zone us$/)
  })

  test('no line of words is wider than the window', () => {
    const long = 'a reason that goes on and on '.repeat(20)
    const lines = statusLines(statusOf(ACTIVE, 40, { rollout: at({ reason: long }), last_rollout: at({ why: long, state: 'aborted' }) }), {
      nowMs: NOW,
      columns: 80,
    })
    expect(Math.max(...lines.map((line) => line.length))).toBeLessThanOrEqual(80)
  })

  test('is the same when only ages have changed', () => {
    const older = statusOf(ACTIVE, 40, { fleet: statusOf(ACTIVE, 40).fleet.map((one) => ({ ...one, age_s: 9999, reported_at: 'later' })) })
    expect(sameStatus(statusOf(ACTIVE, 40), older)).toBe(true)
    expect(sameStatus(statusOf(ACTIVE, 40), statusOf(ACTIVE, 40, { rollout: ROLLOUT }))).toBe(false)
  })
})

test('who is behind, and by what', () => {
  const status = statusOf(NEW, 41)
  expect(behindOf(status)).toEqual([])
  const [west, central, us] = status.regions
  const [one, two] = status.fleet
  if (!west || !central || !us || !one || !two) throw new Error('needs three')
  Object.assign(west, { seq: 40, error: 'the bucket is silent' })
  Object.assign(central, { seq: null })
  Object.assign(us, { directory_seq: 37 })
  Object.assign(one, { revision: ACTIVE, seq: 40 })
  Object.assign(two, { revision: NEW, seq: 40 })
  status.fleet.push({ ...one, id: 'task-9', revision: null, seq: null }, { ...one, id: 'task-8', error: 'not our signature' })
  expect(behindOf(status)).toEqual([
    'eu-west-1 has confirmed seq 40, not 41: the bucket is silent',
    'eu-central-1 has confirmed nothing yet',
    'us-east-1 has confirmed directory seq 37, not 38',
    `gateway task-0 of eu-west-1 still runs ${ACTIVE}, seq 40`,
    'gateway task-1 of eu-central-1 still runs seq 40',
    'gateway task-9 of eu-west-1 has loaded nothing yet',
    'gateway task-8 of eu-west-1: not our signature',
  ])
  expect(behindOf({ ...statusOf(NEW, 41), fleet: [] })[0]).toBe('no gateway of eu-west-1 reports')
})

describe('diff', () => {
  const options = { from: 'A', to: 'B', patch: false, columns: 80 }

  test('words by subject, and files by name', () => {
    const lines = diffLines(DIFF, options)
    expect(lines.slice(0, 3)).toEqual(['A -> B: 1 widened, 1 changed, 1 narrowed', '', 'agent finance-agent'])
    expect(lines.indexOf('tool crm')).toBeGreaterThan(lines.findIndex((line) => line.startsWith('  narrowed')))
    expect(text(lines)).not.toContain('@@')
    expect(Math.max(...lines.map((line) => line.length))).toBeLessThanOrEqual(80)
  })

  test('patches after the words, where asked for', () => {
    const lines = text(diffLines(DIFF, { ...options, patch: true }))
    expect(lines.indexOf('@@ -6 +6 @@')).toBeGreaterThan(lines.indexOf('finance-agent may no longer'))
  })

  test('no difference, and one of text alone', () => {
    expect(diffLines({ changes: [], files: [] }, options)).toEqual(['A -> B: no difference'])
    expect(diffLines({ ...DIFF, changes: [] }, options)[2]).toBe('no decision changes: only text')
  })

  test('a kind that is not known here is shown all the same', () => {
    const changes = [{ subject: 's', kind: 'moved', text: 't' }]
    expect(changeCounts(changes)).toBe('1 moved')
    expect(changeLines(changes, 80)).toEqual(['s', '  moved     t'])
  })
})

describe('replay', () => {
  const result = (more: Partial<ReplayResult> = {}): ReplayResult => ({
    error: null,
    replayed: 12_400,
    unanswerable: 0,
    changes: { 'allow>deny': 3 },
    new_denies: 3,
    new_approvals: 0,
    loosened: 0,
    rules: { 'amount_over_limit max_amount': 3 },
    tools: { 'crm.read_contact': 3 },
    tenants: { 'acme-eu': 3 },
    decision_ids: { 'allow>deny': ['d-1'] },
    took_ms: 800,
    ...more,
  })
  const of = (regions: Record<string, ReplayResult | null>) =>
    replayLines(
      { id: 'p', revision: NEW, done: true, regions: Object.entries(regions).map(([region, one]) => ({ region, result: one })) },
      90,
    )

  test('regions are added up', () => {
    const total = totalOf([
      result(),
      result({ changes: { 'allow>deny': 1, 'deny>allow': 2 }, decision_ids: { 'allow>deny': ['d-2'] }, took_ms: 900 }),
    ])
    expect(total).toMatchObject({
      replayed: 24_800,
      changes: { 'allow>deny': 4, 'deny>allow': 2 },
      new_denies: 6,
      decision_ids: { 'allow>deny': ['d-1', 'd-2'] },
      took_ms: 900,
    })
  })

  test('a row a region, a total, what would change by what, and where to look', () => {
    const lines = of({ 'eu-west-1': result(), 'us-east-1': result() })
    expect(lines.filter((line) => /^(eu-west-1|us-east-1|in all)/.test(line)).map((line) => line.split(/ {2,}/))).toEqual([
      ['eu-west-1', '12,400', '3', '3', '0', '0', '0', '0.8 s'],
      ['us-east-1', '12,400', '3', '3', '0', '0', '0', '0.8 s'],
      ['in all', '24,800', '6', '6', '0', '0', '0', '0.8 s'],
    ])
    for (const line of ['  6  allow > deny', '  6  amount_over_limit max_amount', '  6  crm.read_contact', '  6  acme-eu'])
      expect(lines).toContain(line)
    expect(text(lines)).toContain('allow > deny  d-1 d-1')
    expect(text(lines)).toContain('npm run -s aegis -- explain <id>')
  })

  test('the ten most frequent, and how many more', () => {
    const rules = Object.fromEntries(Array.from({ length: 13 }, (_, n) => [`rule-${n}`, n + 1]))
    const lines = of({ 'eu-west-1': result({ rules }) })
    expect(lines).toContain('  13  rule-12')
    expect(text(lines)).not.toContain('rule-2\n')
    expect(lines).toContain('  and 3 more')
  })

  test('nothing would change', () => {
    const lines = of({ 'eu-west-1': result({ changes: {}, unanswerable: 2 }) })
    expect(lines).toContain('nothing would have been decided otherwise')
    expect(text(lines)).toContain('2 cannot be judged by it')
  })

  test('refuses to count a region that failed or is silent as unchanged', () => {
    const lines = of({ 'eu-west-1': null, 'us-east-1': result({ error: 'no recordings' }) })
    expect(lines).toContain('eu-west-1 has not answered')
    expect(lines).toContain('us-east-1 could not: no recordings')
    expect(text(lines)).not.toContain('nothing would have been decided otherwise')
  })
})

test('history: what became of each revision', () => {
  const revision: Revision = {
    revision: NEW,
    author: 'ann',
    at: '2026-11-27T22:41:00.123Z',
    reason: 'raise the limit',
    commit: '1a2b3c4d5e6f7a8b9c0d1a2b3c4d5e6f7a8b9c0d+changes',
    rollouts: [
      { id: 'r-1', seq: 4, publisher: 'ben', state: 'aborted' },
      { id: 'r-2', seq: 5, publisher: 'ben', state: 'completed' },
    ],
  }
  expect(historyLines([revision, { ...revision, revision: ACTIVE, commit: null, rollouts: [] }], { active: NEW, columns: 100 })).toEqual([
    `${NEW}  2026-11-27 22:41:00Z by ann, commit 1a2b3c4 with changes, IN FORCE`,
    '                  raise the limit',
    '                  rollout r-2, seq 5, by ben: completed',
    '                  rollout r-1, seq 4, by ben: aborted',
    `${ACTIVE}  2026-11-27 22:41:00Z by ann`,
    '                  raise the limit',
  ])
  expect(historyLines([], { active: null, columns: 100 })).toEqual(['no revision is registered yet'])
})

test('spans, instants and wrapped words', () => {
  expect([0, 4180, 9960, 35_000, 12 * 60_000, 5 * 3_600_000, 3 * 86_400_000, -5].map(span)).toEqual([
    '0.0 s',
    '4.2 s',
    '10 s',
    '35 s',
    '12 min',
    '5 h',
    '3 d',
    '0.0 s',
  ])
  expect(left('2026-11-27T22:41:00.400Z', NOW)).toBe('1 s')
  expect(left('2026-11-27T22:40:00.000Z', NOW)).toBeUndefined()
  expect(instant('not a time')).toBe('not a time')
  expect(wrap('head  ', 'one two  three\nfour', 26)).toEqual(['head  one two three four'])
  expect(wrap('head  ', 'a-word-that-is-longer-than-the-line b', 26)).toEqual(['head  a-word-that-is-longer-than-the-line', '      b'])
  expect(wrap('head  ', '', 26)).toEqual(['head'])
})
