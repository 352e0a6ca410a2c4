import { readdirSync, readFileSync } from 'node:fs'
import { describe, expect, test } from '@jest/globals'
import {
  alarmDescription,
  articlePath,
  CONTROL_ALARMS,
  COST_NOTICES,
  OPTION_ALARMS,
  REGION_ALARMS,
  WATCH_ALARMS,
} from '../../config/alarms.ts'
import { deployment as input } from '../../config/deployment.ts'
import { resolveDeployment } from '../../config/resolve.ts'

const folder = new URL('../../runbooks/alarms/', import.meta.url)
const read = (alarm: string) => readFileSync(new URL(`${alarm}.md`, folder), 'utf8')
const alarms = Object.keys({ ...REGION_ALARMS, ...OPTION_ALARMS, ...WATCH_ALARMS, ...CONTROL_ALARMS, ...COST_NOTICES })
const HEADINGS = ['Description', 'Investigation', 'Resolution', 'When NOT to use this']

test('every alarm has its article, and every article its alarm', () => {
  expect(readdirSync(folder).toSorted()).toEqual(alarms.map((alarm) => `${alarm}.md`).toSorted())
})

test('the index lists every article once', () => {
  const index = readFileSync(new URL('../README.md', folder), 'utf8')
  const linked = [...index.matchAll(/\]\(alarms\/([^)]+)\.md\)/g)].map(([, alarm]) => alarm)
  expect(linked.toSorted()).toEqual(alarms.toSorted())
})

describe.each(alarms)('%s', (alarm) => {
  const text = read(alarm)

  test('says what it is, where to look, what to do and when not to, in this order', () => {
    expect(text.split('\n')[0]).toMatch(new RegExp(`^# ${alarm}: \\S`))
    expect([...text.matchAll(/^## (.+)$/gm)].map(([, heading]) => heading)).toEqual(HEADINGS)
    for (const section of text.split(/^## .+$/m).slice(1)) expect(section.trim().length).toBeGreaterThan(40)
  })

  test('names commands and alarms that exist', () => {
    for (const [, link = ''] of text.matchAll(/\]\(([a-z-]+)\.md\)/g)) expect(alarms).toContain(link)
    const scripts = Object.keys(JSON.parse(readFileSync(new URL('../../package.json', folder), 'utf8')).scripts)
    for (const [, script = ''] of text.matchAll(/npm run ([a-z]+)/g)) expect(scripts).toContain(script)
  })
})

test('an alarm leads to where the runbooks can be read, and to the path in the repository when nobody says where', () => {
  const deployment = resolveDeployment(input)
  expect(alarmDescription(deployment, 'policy-age', 'eu-west-1')).toBe(
    'eu-west-1: nothing new was published to this region for longer than usual. What to do: runbooks/alarms/policy-age.md',
  )
  expect(articlePath('policy-age')).toBe('runbooks/alarms/policy-age.md')
  const elsewhere = resolveDeployment({ ...input, alarms: { runbooksUrl: 'https://wiki.example/runbooks/' } })
  expect(alarmDescription(elsewhere, 'policy-age', 'eu-west-1')).toMatch(
    /What to do: https:\/\/wiki\.example\/runbooks\/alarms\/policy-age\.md$/,
  )
})
