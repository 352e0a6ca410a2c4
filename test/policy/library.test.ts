import { describe, expect, test } from '@jest/globals'
import { REASONS } from '../../runtime/model/codes.ts'
import { builtWasm, changedSources, checkDigests, readManifest, regoModules, sourceDigests } from '../../runtime/policy/build.ts'
import { OPA_VERSION } from '../../runtime/policy/opa.ts'
import { gatewayCoverage } from '../../runtime/policy/rego/tests.ts'

const sources = [...regoModules()]

test('the committed module was made from the committed Rego and held to the committed tests, by the pinned opa', () => {
  const { sources: built, checks, opa } = readManifest()
  expect(changedSources(built, sourceDigests())).toEqual([])
  expect(changedSources(checks, checkDigests())).toEqual([])
  expect(opa).toBe(OPA_VERSION)
  expect(builtWasm().byteLength).toBeGreaterThan(1000)
})

test('a changed, a new and a removed source are seen', () => {
  const before = { 'gateway/a.rego': '1', 'gateway/b.rego': '2' }
  expect(changedSources(before, { 'gateway/a.rego': 'x', 'gateway/c.rego': '3' })).toEqual([
    'gateway/a.rego',
    'gateway/b.rego',
    'gateway/c.rego',
  ])
})

test('the module needs no built-in function of the host', async () => {
  const module = await WebAssembly.compile(new Uint8Array(builtWasm()))
  const memory = new WebAssembly.Memory({ initial: 5 })
  const nothing = () => 0
  const env = Object.fromEntries(
    ['opa_abort', 'opa_println', ...[0, 1, 2, 3, 4].map((n) => `opa_builtin${n}`)].map((name) => [name, nothing]),
  )
  const { exports } = await WebAssembly.instantiate(module, { env: { ...env, memory } })
  const call = (name: string, ...args: number[]) => (exports[name] as (...args: number[]) => number)(...args)
  const text = Buffer.from(memory.buffer, call('opa_json_dump', call('builtins')))
  expect(text.subarray(0, text.indexOf(0)).toString()).toBe('{}')
})

test('messages are those of the codes, and every code that Rego gives is declared', () => {
  const text = sources.map(([, source]) => source).join('\n')
  const table = regoModules().get('gateway/messages.rego') ?? ''
  const messages = new Map([...table.matchAll(/^\t"([a-z_]+)": "([^"]+)",$/gm)].map(([, code, message]) => [code, message]))
  const given = new Set([...text.matchAll(/"code": "([a-z_]+)"/g)].map(([, code]) => code))
  expect(given.size).toBeGreaterThan(15)
  for (const code of given) expect([code, messages.get(code ?? '')]).toEqual([code, REASONS[code as keyof typeof REASONS]])
  expect([...messages.keys()].filter((code) => !given.has(code))).toEqual([])
})

describe('rules of the house for Rego', () => {
  /** `not f(ref)` is undefined, and the refusal with it, when the ref is: arguments are evaluated outside the `not`. */
  const negatesFacts = (line: string) =>
    /\bnot\b/.test(line) && !/\bnot ([a-z_]+(\((rule|entry|class|param)\))?|route\.zone)$/.test(line.trim())
  const slow = (line: string) => /\b(sprintf|regex\.|glob\.|json\.|yaml\.|walk\(|http\.|(?<!input\.)data\.)/.test(line)
  const code = (source: string) =>
    source
      .replaceAll(/"[^"]*"/g, '""')
      .split('\n')
      .filter((line) => !line.startsWith('#'))

  test.each(sources)('%s', (_, source) => {
    expect(code(source).filter(negatesFacts)).toEqual([])
    expect(code(source).filter(slow)).toEqual([])
  })

  test('the rules see what they are about', () => {
    expect(negatesFacts('	not is_amount(input.call.amount)')).toBe(true)
    expect(negatesFacts('	not limit.above == ""')).toBe(true)
    expect(negatesFacts('	not registered')).toBe(false)
    expect(slow('	sprintf("", [])')).toBe(true)
  })
})

test('coverage counts the library alone', () => {
  const report = { files: { 'gateway/a.rego': { covered_lines: 3, not_covered_lines: 1 }, 'tests/a_test.rego': { not_covered_lines: 90 } } }
  expect(gatewayCoverage(report)).toBe(75)
})
