import { readFileSync } from 'node:fs'
import { describe, expect, test } from '@jest/globals'
import fc from 'fast-check'
import { parseRunbook, RunbookError } from '../../runtime/failover/runbook.ts'

const source = readFileSync(new URL('../../runbooks/region-loss.md', import.meta.url), 'utf8')
const lineOf = (text: string, part: string) => text.slice(0, text.indexOf(part)).split('\n').length

/** The faults of a runbook in which one part was exchanged. */
function faultsAfter(part: string, other: string): readonly string[] {
  expect(source).toContain(part)
  return faultsOf(source.replace(part, other))
}

function faultsOf(text: string): readonly string[] {
  try {
    parseRunbook(text, 'x.md')
  } catch (error) {
    if (error instanceof RunbookError) return error.faults
    throw error
  }
  return []
}

describe('a runbook', () => {
  test('gives its blocks in order, with their lines', () => {
    const { id, steps } = parseRunbook(source, 'region-loss.md')
    expect(id).toBe('region-loss')
    expect(steps.map(({ type }) => type)).toEqual(['steady', 'control', 'inject', 'operator', 'observe', 'failback', 'verify', 'rollback'])
    expect(steps[2]?.line).toBe(lineOf(source, 'type: inject'))
  })

  test('reads the same with Windows line ends', () => {
    expect(parseRunbook(source.replaceAll('\n', '\r\n'), 'x.md')).toEqual(parseRunbook(source, 'x.md'))
  })

  test.each([
    ['an unknown block type', 'type: observe', 'type: obesrve', 'type: observe'],
    ['an unknown key of a block', 'who: on-call engineer', 'whom: on-call engineer', 'who: on-call'],
    ['an unknown key deep in a block', '    place: us\n', '    plaice: us\n', '    place: us'],
    ['an unknown key of the front matter', 'stability_s: 10', 'stability_s: 10\nstabilty: 3', 'probe: {'],
    ['an unknown objective', 'detection_s: derived', 'detecton_s: derived', '  detection_s: derived'],
    ['an objective that is no number', 'failed_elsewhere: 0\n', 'failed_elsewhere: none\n', '  failed_elsewhere: 0'],
    ['an unknown fault', 'fault: region.kill', 'fault: region.vanish', 'fault: region.kill'],
    ['a missing key', 'undo: [kill-eu-west-1]\n', '', 'type: rollback'],
    [
      'a duplicate key',
      'within: { rto: 1 }\nchecks:\n  - { check: health, region: eu-west-1',
      'within: { rto: 1 }\nwithin: { rto: 2 }\nchecks:\n  - { check: health, region: eu-west-1',
      'within: { rto: 1 }\nchecks:\n  - { check: health, region: eu-west-1',
    ],
    ['an unknown decision', 'expect: deny, reason', 'expect: refuse, reason', '      - { id: forbidden, tool: ehr'],
    [
      'a recovery by a control plane',
      'dig +short eu.aegis.example\n  - dig',
      'aws route53 change-resource-record-sets --region us-east-1\n  - dig',
      '  - dig +short eu.aegis.example\n  - dig',
    ],
  ])('refuses %s, and names its line', (what, part, other, lineStart) => {
    const faults = faultsAfter(part, other)
    expect(faults.length).toBeGreaterThan(0)
    // A duplicate or added key is found where it stands, one line below the part that it follows.
    const line = lineOf(source, lineStart)
    const expected = what === 'a duplicate key' ? [line, line + 1] : [line]
    // A renamed key is two faults: the new one where it stands, and the old one that the block now lacks.
    expect(faults.filter((fault) => expected.some((at) => fault.startsWith(`x.md:${at}: `)))).not.toEqual([])
  })

  test.each([
    ['a block in a list', '- drill\n\n  ```drill\n  type: inject\n  ```\n', /top level, not inside a list/],
    ['a block in a quotation', '> ```drill\n> type: inject\n> ```\n', /top level, not inside a blockquote/],
    ['a block with another word after it', '```drill yaml\ntype: inject\n```\n', /just "drill", got "drill yaml"/],
    ['a block in other letters', '```Drill\ntype: inject\n```\n', /just "drill", got "Drill"/],
  ])('refuses %s, which would otherwise be passed over in silence', (_, addition, message) => {
    const faults = faultsAfter('## 5. Watch', `${addition}\n## 5. Watch`)
    expect(faults.join('\n')).toMatch(message)
  })

  test('refuses a block that is not closed', () => {
    const upToLast = source.slice(0, source.lastIndexOf('```drill'))
    expect(faultsOf(`${upToLast}\`\`\`drill\ntype: rollback\n`).join('\n')).toMatch(/not closed/)
  })

  test.each([
    ['without front matter', (text: string) => text.slice(4), /needs YAML front matter/],
    ['whose front matter is no YAML', (text: string) => text.replace('id: region-loss', 'id: [region-loss'), /x\.md:\d+: /],
    ['with two gates', (text: string) => twice(text, 'steady'), /exactly one steady block, has 2/],
    ['with a second fault', (text: string) => twice(text, 'inject'), /exactly one inject block, has 2/],
    ['without a rollback', (text: string) => without(text, 'rollback'), /exactly one rollback block, has 0/],
    ['without a control run before the fault', (text: string) => without(text, 'control'), /only after the control run/],
    [
      'that undoes what it never did',
      (text: string) => text.replace('undo: [kill-eu-west-1]', 'undo: [kill-us-east-1]'),
      /no inject block "kill-us-east-1"/,
    ],
    ['that is empty', () => '', /x\.md:1: needs YAML front matter/],
  ])('refuses a runbook %s', (_, change, message) => {
    expect(faultsOf(change(source)).join('\n')).toMatch(message)
  })

  test('refuses any other text with a RunbookError, never another one', () => {
    const piece = fc.oneof(
      fc.string(),
      fc.constantFrom('---\n', '```drill\n', '```\n', 'type: inject\n', 'id: x\n', '> ', '- ', '*a', '&a ', '{', '\t'),
    )
    fc.assert(
      fc.property(fc.array(piece), (pieces) => {
        const faults = faultsOf(`---\nid: x\n${pieces.join('')}`)
        expect(faults.length).toBeGreaterThan(0)
      }),
    )
  })
})

const blockOf = (text: string, type: string) => new RegExp(`\`\`\`drill\\ntype: ${type}\\n[\\s\\S]*?\\n\`\`\`\\n`).exec(text)?.[0] ?? ''
const without = (text: string, type: string) => text.replace(blockOf(text, type), '')
const twice = (text: string, type: string) => text.replace(blockOf(text, type), (block) => `${block}\n${block}`)
