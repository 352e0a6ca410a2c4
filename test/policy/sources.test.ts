import { cpSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, test } from '@jest/globals'
import { POLICIES_DIR } from '../../runtime/policy/build.ts'
import { PolicyRefusedError } from '../../runtime/policy/refused.ts'
import { checkedSources, SOURCE_BYTES_MAX, SOURCE_FILES_MAX, sourcesIn } from '../../runtime/policy/sources.ts'
import { demoSources } from '../support/sources.ts'

const files = Object.fromEntries(demoSources)

function refusal(given: Record<string, string>): string {
  try {
    checkedSources(given)
    return ''
  } catch (error) {
    if (error instanceof PolicyRefusedError) return error.message
    throw error
  }
}

test('a clone gives documents and modules, and neither tenants nor clients nor what is generated', () => {
  const paths = [...demoSources.keys()]
  expect(paths).toEqual(paths.toSorted())
  expect(paths).toEqual(
    expect.arrayContaining([
      'documents/agents/finance-agent.yaml',
      'documents/classes.yaml',
      'documents/tools.yaml',
      'modules/capabilities.json',
      'modules/gateway/.manifest',
      'modules/gateway/access.rego',
      'modules/schemas/input.json',
      'modules/tests/access_test.rego',
    ]),
  )
  expect(paths.filter((path) => /tenants|clients|fixtures|dist|README|agent\.schema/.test(path))).toEqual([])
})

test('the same files give the same sources, whatever order they come in', () => {
  const shuffled = Object.fromEntries(Object.entries(files).reverse())
  expect([...checkedSources(shuffled)]).toEqual([...demoSources])
})

describe('refuses', () => {
  test.each([
    ['a path upwards', 'documents/agents/../../x.yaml'],
    ['an absolute path', '/etc/passwd'],
    ['a hidden way upwards', 'modules/gateway/..rego/x.rego'],
    ['another backslash', 'documents\\agents\\x.yaml'],
    ['tenants, which the directory keeps', 'documents/tenants.yaml'],
    ['clients, which the directory keeps', 'documents/clients.yaml'],
    ['data beside the library', 'modules/gateway/data.json'],
    ['a name that every object has', '__proto__'],
    ['nothing', ''],
    ['a line break in a path', 'documents/agents/a\n.yaml'],
  ])('%s', (_, path) => {
    const given = JSON.parse(JSON.stringify(files).replace('{', `{${JSON.stringify(path)}:"x",`)) as Record<string, string>
    expect(refusal(given)).toMatch(/:1:1: this path is not part of a policy/)
    expect(refusal(given).split('\n')).toHaveLength(1)
  })

  test('text without one encoding, and says where', () => {
    expect(refusal({ ...files, 'documents/tools.yaml': 'a: \ud800' })).toBe(
      'documents/tools.yaml:1:1: is not UTF-8: it has half of a surrogate pair',
    )
    expect(refusal({ ...files, 'documents/tools.yaml': 'a: b\n\0' })).toBe('documents/tools.yaml:2:1: has a NUL character')
  })

  test('more than is taken: of a file, of all files, of their number', () => {
    expect(refusal({ ...files, 'documents/tools.yaml': 'é'.repeat(SOURCE_BYTES_MAX / 2 + 1) })).toMatch(
      /has 1048578 bytes, at most 1048576/,
    )
    const big = Object.fromEntries(Array.from({ length: 17 }, (_, n) => [`documents/agents/a${n}.yaml`, 'x'.repeat(SOURCE_BYTES_MAX)]))
    expect(refusal({ ...files, ...big })).toMatch(/all files together have \d+ bytes/)
    const many = Object.fromEntries(Array.from({ length: SOURCE_FILES_MAX }, (_, n) => [`documents/agents/a${n}.yaml`, '']))
    expect(refusal({ ...files, ...many })).toMatch(/there are \d+ files, at most 5000/)
  })

  test.each(['documents/tools.yaml', 'modules/capabilities.json', 'modules/gateway/.manifest', 'modules/schemas/input.json'])(
    'sources without %s',
    (path) => {
      const { [path]: _, ...rest } = files
      expect(refusal(rest)).toBe(`${path}:1:1: there is no such file`)
    },
  )

  test('a clone with a document of a strange name or encoding, rather than pass over it', () => {
    const dir = mkdtempSync(join(tmpdir(), 'aegis-sources-'))
    try {
      cpSync('demo', dir, { recursive: true })
      writeFileSync(join(dir, 'agents/my agent.yaml'), '')
      expect(() => sourcesIn({ documentsDir: dir, policiesDir: POLICIES_DIR })).toThrow(/my agent.yaml/)
      rmSync(join(dir, 'agents/my agent.yaml'))
      writeFileSync(join(dir, 'agents/latin.yaml'), Buffer.from([0xe9]))
      expect(() => sourcesIn({ documentsDir: dir, policiesDir: POLICIES_DIR })).toThrow('documents/agents/latin.yaml:1:1: is not UTF-8')
    } finally {
      rmSync(dir, { recursive: true, force: true })
    }
  })
})
