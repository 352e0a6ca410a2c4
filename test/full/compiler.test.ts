import { describe, expect, test } from '@jest/globals'
import { compilePolicy } from '../../runtime/policy/compiler.ts'
import { REGO_RULES } from '../../runtime/policy/lint/rego-rules.ts'
import { buildModules, builtModules, checkModules } from '../../runtime/policy/modules.ts'
import { findOpa } from '../../runtime/policy/opa.ts'
import { PolicyRefusedError } from '../../runtime/policy/refused.ts'
import type { Sources } from '../../runtime/policy/sources.ts'
import { demoContext, demoSources, edited } from '../support/sources.ts'
import { suiteNeeding } from './support/needs.ts'

const found = await findOpa()
const suite = suiteNeeding('opa', found)
const opa = found ?? 'opa'
const withOpa = { ...demoContext, opa: async () => opa }

const EXTRA = 'modules/gateway/extra.rego'
const extra = (body: string, head = 'package aegis.gateway') => new Map(demoSources).set(EXTRA, `${head}\n\n${body}\n`)

async function refusal(work: () => Promise<unknown>): Promise<string> {
  try {
    await work()
  } catch (error) {
    if (error instanceof PolicyRefusedError) return error.message
    throw error
  }
  throw new Error('was taken')
}

/** For each rule about Rego: what it refuses, with place and words, and what comes close and passes it. */
const CASES: Record<string, { refused: [Sources, string][]; passed: Sources }> = {
  'banned-function': {
    refused: [
      [extra('x := sprintf("%v", [1])'), 'extra.rego:3:6: sprintf is not in the module; join with concat'],
      [extra('x if regex.match("a", input.call.tool)'), 'extra.rego:3:6: regex.match is not in the module; a pattern is compiled anew'],
      [extra('x := [y | some z in [1]; y := json.marshal(z)]'), 'json.marshal is not in the module; nothing has to be parsed'],
      [extra('x := yaml.marshal(1)'), 'yaml.marshal is not in the module'],
      [extra('x := http.send({})'), 'http.send is not in the module; policy asks nobody'],
      [extra('x := time.now_ns()'), 'time.now_ns is not in the module; the time of the call is input.now.epoch_ms'],
      [extra('x := opa.runtime()'), 'opa.runtime is not in the module; the same input must get the same answer'],
      [extra('x := semver.compare("1.0.0", "1.0.1")'), 'semver.compare is not in the module; policies/capabilities.json lists what is'],
    ],
    passed: extra('x := concat(".", [input.call.tool, input.call.action])'),
  },
  'constant-false': {
    refused: [
      [extra('x if {\n\tinput.zone == "eu"\n\tfalse\n}'), 'extra.rego:5:2: this line never holds'],
      [extra('x if "a" == "b"'), 'extra.rego:3:6: this line never holds'],
      [extra('x if 1 != 1'), 'this line never holds'],
      [extra('x if not true'), 'this line never holds'],
      [extra('x := 1 if {\n\tinput.zone == "eu"\n} else := 2 if {\n\t1 == 2\n}'), 'extra.rego:6:2: this line never holds'],
    ],
    passed: extra('x if {\n\ttrue\n\t1 == 1\n\t"a" != "b"\n}\n\ny := false if not x'),
  },
  'default-deny': {
    refused: [
      [
        edited(demoSources, 'modules/gateway/decision.rego', '"outcome": "deny",\n\t"reasons"', '"outcome": "allow",\n\t"reasons"'),
        'decision.rego:15:1: the default of decision is not the outcome deny',
      ],
      [
        edited(demoSources, 'modules/gateway/decision.rego', 'default decision :=', 'fallback :='),
        'decision.rego:28:1: decision has no default',
      ],
    ],
    passed: demoSources,
  },
  'negated-facts': {
    refused: [
      [extra('deny contains {"code": "foreign_zone", "rule": "x"} if not startswith(input.call.tool, "a")'), 'extra.rego:3:'],
      [extra('x if not input.zone == "eu"'), 'a fact that is missing makes this line undefined'],
      [extra('x if not is_amount(limit)'), 'a fact that is missing'],
    ],
    passed: extra('x if {\n\tsome tool in ["a"]\n\tnot startswith(tool, "b")\n\tnot registered\n}'),
  },
  'no-data': {
    refused: [
      [extra('x if data.aegis.agents[input.agent.id]'), 'extra.rego:3:6: reads data.aegis.agents, and the gateway has no such data'],
      [
        extra('x if agents[input.agent.id]', 'package aegis.gateway\n\nimport data.aegis.agents'),
        'extra.rego:3:8: reads data.aegis.agents',
      ],
    ],
    passed: extra('x if data.aegis.gateway.registered'),
  },
  'own-package': {
    refused: [[extra('x := 1', 'package aegis.tools'), 'extra.rego:1:1: is package aegis.tools; only aegis.gateway']],
    passed: extra('x := 1', 'package aegis.gateway.more'),
  },
  'unknown-code': {
    refused: [
      [extra('deny contains {"code": "too_late", "rule": "x"} if not registered'), 'extra.rego:3:24: "too_late" is no code of the gateway'],
    ],
    passed: extra('deny contains {"code": "foreign_zone", "rule": "x"} if not registered'),
  },
}

test('every rule about Rego has a case that it refuses and one that it lets pass', () => {
  expect(Object.keys(CASES).sort()).toEqual(REGO_RULES.map(({ id }) => id).sort())
})

suite('the lint of Rego', () => {
  for (const [id, { refused, passed }] of Object.entries(CASES)) {
    describe(id, () => {
      test.each(refused.map(([sources, words]) => [words, sources] as const))(
        'refuses: %s',
        async (words, sources) => {
          const faults = (await refusal(() => checkModules(sources, opa))).split('\n').filter((line) => line.endsWith(`[${id}]`))
          expect(faults.join('\n')).toContain(words)
        },
        60_000,
      )

      test('lets pass what comes close', async () => {
        const said = await checkModules(passed, opa).catch((error: Error) => [error.message])
        expect(said.join('\n')).not.toContain(`[${id}]`)
      }, 60_000)
    })
  }
})

suite('changed Rego', () => {
  const commented = edited(demoSources, 'modules/gateway/chain.rego', 'package aegis.gateway', '# Reviewed again.\npackage aegis.gateway')

  test('is checked, built and asked before it is taken, and the same sources give the same bytes', async () => {
    const { modules, checks } = await compilePolicy(commented, withOpa)
    expect(checks.find(({ name }) => name === 'rego')?.detail).toMatch(
      /^changed: format and types are fine; PASS: \d+\/\d+; coverage .*was built$/,
    )
    expect(modules.digest).not.toBe(builtModules().digest)
    expect(Buffer.compare((await buildModules(commented, opa)).wasm, modules.wasm)).toBe(0)
    // And is known from then on.
    const again = await compilePolicy(commented, {
      ...demoContext,
      knownModules: (digest) => (digest === modules.digest ? modules : undefined),
    })
    expect(again.checks.find(({ name }) => name === 'rego')?.detail).toMatch(/^unchanged/)
  }, 120_000)

  test('that nobody changed is rebuilt to the committed module, byte for byte', async () => {
    const { wasm, ...rest } = await buildModules(demoSources, opa)
    expect(Buffer.compare(wasm, builtModules().wasm)).toBe(0)
    expect(rest).toMatchObject({ digest: builtModules().digest, checked: builtModules().checked, rego: builtModules().rego })
  }, 60_000)

  test('whose tests alone changed is tested, and not built', async () => {
    const tests = edited(demoSources, 'modules/tests/chain_test.rego', 'package aegis.gateway_test', '# More.\npackage aegis.gateway_test')
    const { modules, checks } = await compilePolicy(tests, withOpa)
    expect(checks.find(({ name }) => name === 'rego')?.detail).toMatch(/^checks changed: /)
    expect(modules.digest).toBe(builtModules().digest)
    expect(modules.checked).not.toBe(builtModules().checked)
  }, 60_000)

  test.each<[string, Sources, RegExp]>([
    ['that does not parse', extra('x if {'), /^modules\/gateway\/extra.rego:\d+:\d+: opa parse: /],
    [
      'with a misspelt fact',
      edited(demoSources, 'modules/gateway/chain.rego', 'input.tool.effect', 'input.tool.efect'),
      /chain.rego:\d+:\d+: opa check: undefined ref: input.tool.efect/,
    ],
    ['with a function that nobody has', extra('x := nothing(1)'), /extra.rego:3:6: opa check: .*undefined function/],
    ['that is laid out otherwise', extra('x   :=   1'), /extra.rego:3:1: is not laid out as opa fmt does; run opa fmt --write/],
    [
      'that fails its tests',
      edited(demoSources, 'modules/gateway/amount.rego', 'amount <= limit.max', 'amount < limit.max'),
      /^modules\/tests\/amount_test.rego:\d+:\d+: test_\w+ fails/,
    ],
    [
      'that its tests do not reach',
      extra(Array.from({ length: 60 }, (_, n) => `x${n} if input.zone == "z${n}"`).join('\n\n')),
      /extra.rego:3:1: tests reach [\d.]+ % of gateway\/, at least 95 % is asked/,
    ],
    [
      'with a failing test',
      edited(
        demoSources,
        'modules/tests/chain_test.rego',
        'package aegis.gateway_test',
        'package aegis.gateway_test\n\ntest_planted if 1 == 2',
      ),
      /chain_test.rego:\d+:\d+: test_planted fails/,
    ],
    ['without tests', new Map([...demoSources].filter(([path]) => !path.startsWith('modules/tests/'))), /opa test failed/],
    [
      'with a test that reaches the network',
      edited(
        demoSources,
        'modules/tests/chain_test.rego',
        'package aegis.gateway_test',
        'package aegis.gateway_test\n\ntest_planted if http.send({"method": "get", "url": "http://127.0.0.1:9"})',
      ),
      /chain_test.rego:\d+:\d+: opa check: undefined function http.send/,
    ],
    [
      'with a test that reads the environment',
      edited(
        demoSources,
        'modules/tests/chain_test.rego',
        'package aegis.gateway_test',
        'package aegis.gateway_test\n\ntest_planted if opa.runtime().env.PATH',
      ),
      /opa check: undefined function opa.runtime/,
    ],
  ])(
    'is refused %s',
    async (_, sources, message) => {
      const said = await refusal(() => compilePolicy(sources, withOpa))
      expect(said).toMatch(message)
      expect(said).not.toMatch(/tmp|aegis-modules/)
    },
    120_000,
  )

  // A fault that lint, types and its own adapted tests let through: the module itself is asked.
  test('is refused when the module lets another tenant in, whatever its tests say', async () => {
    const open = edited(demoSources, 'modules/gateway/access.rego', 'policy.tenant == input.tenant.id', 'is_string(policy.tenant)')
    const { wasm } = await buildModules(open, opa)
    const known = { ...builtModules(), wasm }
    const said = await refusal(() => compilePolicy(demoSources, { ...demoContext, knownModules: () => known }))
    expect(said).toMatch(/the module does not answer as it must: smoke call "agent of another tenant"/)
  }, 60_000)

  test('is handed on as it was compiled, for other OPAs', async () => {
    const { rego } = await buildModules(commented, opa)
    expect(rego.get('gateway/chain.rego')).toMatch(/^# Reviewed again/)
  }, 60_000)
})
