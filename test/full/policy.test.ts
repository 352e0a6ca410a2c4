import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { buffer } from 'node:stream/consumers'
import { gunzipSync } from 'node:zlib'
import { afterAll, beforeAll, expect, test } from '@jest/globals'
import fc from 'fast-check'
import { extract } from 'tar-stream'
import type { JsonObject, JsonValue } from '../../runtime/model/call.ts'
import { builtWasm, compileWasm, POLICIES_DIR, readManifest, regoModules, testPolicies } from '../../runtime/policy/build.ts'
import { packBundle, packRegoBundle } from '../../runtime/policy/bundle.ts'
import { bundleData, loadDocuments, revisionOf } from '../../runtime/policy/documents.ts'
import { loadEvaluator } from '../../runtime/policy/evaluate.ts'
import { sha256 } from '../../runtime/policy/file-hashes.ts'
import { findOpa, runOpa } from '../../runtime/policy/opa.ts'
import { baseInput, loadFixtures, policyInput } from '../support/fixtures.ts'
import { testKey } from '../support/policy.ts'
import { suiteNeeding } from './support/needs.ts'

// What only a real opa can tell. `npm run tools` fetches it; a machine without it skips these tests and says so, CI does not.
const found = await findOpa()
const suite = suiteNeeding('opa', found)
const opa = found ?? 'opa'

let dir: string
beforeAll(() => {
  dir = mkdtempSync(join(tmpdir(), 'aegis-policy-full-'))
})
afterAll(() => rmSync(dir, { recursive: true, force: true }))

suite('the library', () => {
  test('a smoke call refuses a module that forgot to deny', async () => {
    const broken = join(dir, 'broken')
    cpSync(join(POLICIES_DIR, 'gateway'), broken, { recursive: true })
    const source = readFileSync(join(broken, 'access.rego'), 'utf8')
    writeFileSync(join(broken, 'access.rego'), source.replace('policy.tenant == input.tenant.id', 'is_string(policy.tenant)'))
    const out = join(dir, 'broken.tar.gz')
    const target = ['-t', 'wasm', '-O', '0', '-e', 'aegis/gateway/decision', '-o', out]
    expect(await runOpa(opa, ['build', '-b', broken, ...target], { cwd: dir })).toMatchObject({ code: 0 })
    const archive = extract()
    archive.end(gunzipSync(readFileSync(out)))
    let wasm: Uint8Array | undefined
    for await (const entry of archive) {
      const bytes = await buffer(entry)
      if (entry.header.name === '/policy.wasm') wasm = bytes
    }
    const evaluator = await loadEvaluator(wasm as Uint8Array)
    expect(() => evaluator.smoke()).toThrow(/agent of another tenant/)
  })

  test('the committed module is rebuilt byte for byte', async () => {
    expect(sha256(await compileWasm(opa))).toBe(readManifest().wasm)
  })

  test('format, types, Rego tests and coverage hold', async () => {
    await expect(testPolicies()).resolves.toHaveLength(3)
  }, 60_000)

  test('refuses a misspelt fact', async () => {
    const source = regoModules().get('gateway/chain.rego') ?? ''
    await checkRefuses(source.replace('input.tool.effect', 'input.tool.efect'), /undefined ref: input.tool.efect/)
  })

  test.each([['sprintf("%v", [1])'], ['regex.match("a", "b")'], ['json.marshal(1)'], ['time.now_ns()'], ['yaml.marshal(1)']])(
    'refuses the built-in function of %s',
    async (expression) => {
      await checkRefuses(`package aegis.gateway\n\nx := ${expression}\n`, /undefined function/)
    },
  )
})

suite('opa and the module agree exactly', () => {
  test('on every fixture', async () => {
    const inputs = loadFixtures().map(({ input }) => input)
    expect(inputs.length).toBeGreaterThan(150)
    expect(await evaluated(inputs)).toEqual(await decided(inputs))
  })

  test('on inputs with any value in any place', async () => {
    const places = pathsOf(baseInput()).filter((path) => path.join() !== 'agent')
    const mutation = fc.tuple(fc.constantFrom(...places), fc.oneof(fc.jsonValue({ maxDepth: 2 }), fc.constantFrom(null, '', 0, -1, true)))
    const inputs = fc.sample(fc.array(mutation, { minLength: 1, maxLength: 3 }), 1500).map((mutations) => {
      const input = baseInput()
      for (const [path, value] of mutations) setAt(input, path, value as JsonValue)
      return input
    })
    expect(await evaluated(inputs)).toEqual(await decided(inputs))
  }, 60_000)
})

suite('a real opa', () => {
  const key = testKey('current')
  const documents = loadDocuments('demo')
  const contents = {
    data: bundleData(documents, 'eu'),
    revision: revisionOf(builtWasm(), documents),
    seq: 1,
    zone: 'eu',
    notBeforeMs: 0,
    notAfterMs: 1,
  }
  const build = async (bundle: Uint8Array, pem: string) => {
    writeFileSync(join(dir, 'bundle.tar.gz'), bundle)
    writeFileSync(join(dir, 'key.pem'), pem)
    const verification = ['--verification-key', 'key.pem', '--verification-key-id', 'current', '--signing-alg', 'ES256']
    return runOpa(opa, ['build', '-b', 'bundle.tar.gz', ...verification, '-o', 'out.tar.gz'], { cwd: dir })
  }
  const rego = () => packRegoBundle({ ...contents, modules: regoModules() }, key.signer)
  const wasm = () => packBundle({ ...contents, wasm: builtWasm() }, key.signer)

  test.each([
    ['rego', rego],
    ['wasm', wasm],
  ])('accepts the signature of a %s bundle, and not that of another key', async (_, pack) => {
    expect(await build(await pack(), key.pem)).toMatchObject({ code: 0, stderr: '' })
    expect((await build(await pack(), testKey('current').pem)).stdout).toMatch(/failed to verify JWT signature/)
  })

  test('hashes strange text as we do', async () => {
    const data = structuredClone(contents.data)
    const agent = data.aegis.agents['finance-agent']
    Object.assign(agent?.policy ?? {}, { note: 'é\u2028\u2029😀"<>&\b\f\u0001\u007f\\/', '😀': 1, '\ufb01': -0, '': [[], {}] })
    const bundle = await packRegoBundle({ ...contents, data, modules: regoModules() }, key.signer)
    expect(await build(bundle, key.pem)).toMatchObject({ code: 0, stderr: '' })
  })

  test('answers from the rego bundle', async () => {
    writeFileSync(join(dir, 'served.tar.gz'), await rego())
    const args = ['eval', '-b', 'served.tar.gz', '--stdin-input', '--format', 'raw', 'data.aegis.gateway.decision.outcome']
    expect((await runOpa(opa, args, { cwd: dir, stdin: JSON.stringify(baseInput()) })).stdout.trim()).toBe('allow')
  })
})

/** All decisions from one opa process: starting one for each input would take a minute. */
async function evaluated(inputs: readonly JsonObject[]): Promise<unknown[]> {
  const query = '[decision | some one in input.inputs; decision := data.aegis.gateway.decision with input as one]'
  const args = ['eval', '-b', 'gateway', '--stdin-input', '--format', 'json', query]
  const { stdout, stderr, code } = await runOpa(opa, args, { cwd: POLICIES_DIR, stdin: JSON.stringify({ inputs }) })
  if (code !== 0) throw new Error(`opa eval: ${stdout}${stderr}`)
  return JSON.parse(stdout).result[0].expressions[0].value
}

async function decided(inputs: readonly JsonObject[]): Promise<unknown[]> {
  const evaluator = await loadEvaluator(builtWasm())
  return inputs.map((input) => evaluator.evaluate(policyInput(input)))
}

async function checkRefuses(source: string, message: RegExp): Promise<void> {
  const file = join(dir, 'extra.rego')
  writeFileSync(file, source)
  const others = [...regoModules().keys()].filter((path) => path !== 'gateway/chain.rego' || !source.includes('targets('))
  const args = ['check', '--strict', '--schema', 'schemas/input.json', '--capabilities', 'capabilities.json', ...others, file]
  const { code, stderr, stdout } = await runOpa(opa, args, { cwd: POLICIES_DIR })
  expect(code).not.toBe(0)
  expect(`${stdout}${stderr}`).toMatch(message)
}

type Path = readonly string[]

function pathsOf(value: JsonValue, path: Path = []): Path[] {
  if (typeof value !== 'object' || value === null) return [path]
  return [
    ...(path.length === 0 ? [] : [path]),
    ...Object.entries(value).flatMap(([key, inner]) => pathsOf(inner as JsonValue, [...path, key])),
  ]
}

/** Sets a value where there still is a place for it. */
function setAt(target: JsonObject, path: Path, value: JsonValue): void {
  let inner: JsonValue | undefined = target
  for (const step of path.slice(0, -1)) {
    inner = typeof inner === 'object' && inner !== null ? (inner as JsonObject)[step] : undefined
  }
  const last = path.at(-1)
  if (typeof inner === 'object' && inner !== null && last !== undefined && !(Array.isArray(inner) && !/^\d+$/.test(last)))
    (inner as JsonObject)[last] = structuredClone(value)
}
