import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { isDeepStrictEqual } from 'node:util'
import { gunzipSync } from 'node:zlib'
import { z } from 'zod'
import { sha256 } from './file-hashes.ts'
import { OPA_VERSION, requireOpa, runOpa } from './opa.ts'
import { PolicyRefusedError } from './refused.ts'
import { checkRego, regoIn } from './rego/check.ts'
import { documentSchemas } from './schemas.ts'
import { unpackTar } from './tar.ts'

// The committed module is built from committed Rego by a pinned compiler, so that running and testing
// need no Go. `dist/manifest.json` ties the two together.

export const POLICIES_DIR = fileURLToPath(new URL('../../policies/', import.meta.url))

export const ENTRYPOINT = 'aegis/gateway/decision'

const builtManifest = z.strictObject({
  opa: z.string(),
  entrypoint: z.string(),
  /** SHA-256 by path below `policies/`: everything that decides the bytes of the module. */
  sources: z.record(z.string(), z.string()),
  /** The same of what the module was checked with: Rego tests and the schema of the input. */
  checks: z.record(z.string(), z.string()),
  wasm: z.string(),
})
export type BuiltManifest = z.output<typeof builtManifest>

/**
 * The committed module.
 *
 * @throws Error when it is not what the manifest says, or its Rego has changed since
 */
export function builtWasm(): Uint8Array {
  const wasm = readFileSync(join(POLICIES_DIR, 'dist/policy.wasm'))
  const manifest = readManifest()
  if (sha256(wasm) !== manifest.wasm)
    throw new Error('policies/dist/policy.wasm is not the module of its manifest; run npm run policy -- build')
  const changed = changedSources(manifest.sources, sourceDigests())
  if (changed.length > 0) throw new Error(`policies changed since they were built: ${changed.join(', ')}; run npm run policy -- build`)
  return wasm
}

/** The Rego by path, as `packRegoBundle` takes it. */
export function regoModules(): ReadonlyMap<string, string> {
  const paths = sourcePaths().filter((path) => path.endsWith('.rego'))
  return new Map(paths.map((path) => [path, readFileSync(join(POLICIES_DIR, path), 'utf8')]))
}

export function readManifest(): BuiltManifest {
  return builtManifest.parse(JSON.parse(readFileSync(join(POLICIES_DIR, 'dist/manifest.json'), 'utf8')))
}

/** SHA-256 of the files that the module is made from, by path below `policies/`. */
export function sourceDigests(): Record<string, string> {
  return digests(sourcePaths())
}

/** SHA-256 of the files that the module is checked with. */
export function checkDigests(): Record<string, string> {
  return digests(['schemas/input.json', ...regoIn(POLICIES_DIR, 'tests')])
}

function digests(paths: readonly string[]): Record<string, string> {
  return Object.fromEntries(paths.map((path) => [path, sha256(readFileSync(join(POLICIES_DIR, path)))]))
}

/** Paths that were added, removed or altered. */
export function changedSources(before: Readonly<Record<string, string>>, after: Readonly<Record<string, string>>): string[] {
  const paths = new Set([...Object.keys(before), ...Object.keys(after)])
  return [...paths].filter((path) => before[path] !== after[path]).sort()
}

/** `npm run policy -- build`: format, types, tests, module, schemas. Returns one line a step. */
export async function buildPolicies(): Promise<string[]> {
  const tested = await testPolicies()
  const wasm = await compileWasm(await requireOpa())
  const manifest: BuiltManifest = {
    opa: OPA_VERSION,
    entrypoint: ENTRYPOINT,
    sources: sourceDigests(),
    checks: checkDigests(),
    wasm: sha256(wasm),
  }
  writeFileSync(join(POLICIES_DIR, 'dist/policy.wasm'), wasm)
  writeFileSync(join(POLICIES_DIR, 'dist/manifest.json'), `${JSON.stringify(manifest, null, 2)}\n`)
  return [...tested, ...writeSchemas(), `policies/dist/policy.wasm: ${wasm.byteLength} bytes, sha256 ${manifest.wasm}`]
}

/** Writes those document schemas whose content changed: their layout is the formatter's. */
function writeSchemas(): string[] {
  return [...documentSchemas()].flatMap(([name, schema]) => {
    const file = join(POLICIES_DIR, 'schemas', name)
    if (existsSync(file) && isDeepStrictEqual(JSON.parse(readFileSync(file, 'utf8')), JSON.parse(JSON.stringify(schema)))) return []
    writeFileSync(file, `${JSON.stringify(schema, null, 2)}\n`)
    return [`policies/schemas/${name} is new; lay it out with npm run format`]
  })
}

/** What a change of Rego must pass. Returns one line a step. @throws PolicyRefusedError with file and line of every fault */
export async function testPolicies(): Promise<string[]> {
  const { faults, lines } = await checkRego(await requireOpa(), POLICIES_DIR)
  if (faults.length > 0) throw new PolicyRefusedError(faults.map((fault) => ({ ...fault, file: `policies/${fault.file}` })))
  return lines
}

/**
 * Compiles the module. The same Rego gives the same bytes.
 *
 * `-O 0` from a bundle with roots: a higher level from plain files takes data that comes later for undefined, and
 * `not` of it for true.
 *
 * @param dir a folder with `gateway/` and `capabilities.json`; where it is does not show in the bytes
 */
export async function compileWasm(opa: string, dir = POLICIES_DIR): Promise<Uint8Array> {
  const out = mkdtempSync(join(tmpdir(), 'aegis-policy-'))
  try {
    const file = join(out, 'bundle.tar.gz')
    const target = ['-t', 'wasm', '-O', '0', '-e', ENTRYPOINT, '--capabilities', 'capabilities.json']
    const { code, stdout, stderr } = await runOpa(opa, ['build', '-b', 'gateway', ...target, '-o', file], { cwd: dir })
    if (code !== 0) throw new Error(`opa build failed:\n${stdout}${stderr}`.trimEnd())
    const names = new Set(['.manifest', 'data.json', 'policy.wasm', ...regoIn(dir, 'gateway')])
    const files = await unpackTar(gunzipSync(readFileSync(file)), names)
    const wasm = files.get('policy.wasm')
    if (wasm === undefined) throw new Error('opa build gave no policy.wasm')
    return wasm
  } finally {
    rmSync(out, { recursive: true, force: true })
  }
}

function sourcePaths(): string[] {
  const library = readdirSync(join(POLICIES_DIR, 'gateway')).sort()
  return ['capabilities.json', ...library.map((name) => `gateway/${name}`)]
}
