import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { builtWasm, changedSources, compileWasm, ENTRYPOINT, readManifest, regoModules } from './build.ts'
import { goEncoding, sha256 } from './file-hashes.ts'
import { OPA_VERSION } from './opa.ts'
import { PolicyRefusedError } from './refused.ts'
import { checkRego } from './rego/check.ts'
import type { Sources } from './sources.ts'
import type { DocumentFault } from './yaml-file.ts'

/** The Rego of a revision, compiled for gateways, and as real OPAs read it. */
export interface Modules {
  /** Over everything that decides the bytes of `wasm`: compiler, entrypoint, capabilities and the files of `gateway/`. 64 hex digits. */
  digest: string
  /** Over that and what it was checked with: Rego tests and the schema of the input. 64 hex digits. */
  checked: string
  wasm: Uint8Array
  /** Rego by path, as `packRegoBundle` takes it. */
  rego: ReadonlyMap<string, string>
}

/** What the modules of some sources would be called, without building them. */
export function modulesOf(sources: Sources): Pick<Modules, 'digest' | 'checked'> {
  const { made, checks } = digestsOf(sources)
  return named(OPA_VERSION, made, checks)
}

/** The committed module. @throws Error when it is not what its manifest says, or its Rego has changed since */
export function builtModules(): Modules {
  const { opa, sources, checks } = readManifest()
  return { ...named(opa, sources, checks), wasm: builtWasm(), rego: regoModules() }
}

/** The committed module, if it is the one asked for. Throws nothing for Rego that has changed since: that is another module. */
export function knownBuilt(digest: string): Modules | undefined {
  const { opa, sources, checks } = readManifest()
  return named(opa, sources, checks).digest === digest ? builtModules() : undefined
}

/** Files of `modules/` in which sources differ from what the committed module was made from and checked with. */
export function changedSinceBuilt(sources: Sources): string[] {
  const { made, checks } = digestsOf(sources)
  const built = readManifest()
  return [...changedSources(built.sources, made), ...changedSources(built.checks, checks)].map((path) => `modules/${path}`)
}

/**
 * Compiles the Rego of some sources in a folder of its own. The same sources give the same bytes. They are not checked here: see `checkModules`.
 *
 * @param opa path of an opa of the pinned version
 * @throws Error when opa does not compile them
 */
export async function buildModules(sources: Sources, opa: string): Promise<Modules> {
  const wasm = await inFolder(sources, (dir) => compileWasm(opa, dir))
  const rego = [...filesOf(sources)].filter(([path]) => path.startsWith('gateway/') && path.endsWith('.rego'))
  return { ...modulesOf(sources), wasm, rego: new Map(rego) }
}

/** Lint, types, layout and tests. @returns one line a step. @throws PolicyRefusedError */
export async function checkModules(sources: Sources, opa: string): Promise<string[]> {
  const { faults, lines } = await inFolder(sources, (dir) => checkRego(opa, dir))
  if (faults.length > 0) throw new PolicyRefusedError(faults.map((fault): DocumentFault => ({ ...fault, file: `modules/${fault.file}` })))
  return lines
}

/** SHA-256 by path below `modules/`: what the module is made from, and what it is checked with. */
function digestsOf(sources: Sources): { made: Record<string, string>; checks: Record<string, string> } {
  const digests = [...filesOf(sources)].map(([path, text]) => [path, sha256(text)] as const)
  const isMade = (path: string) => path === 'capabilities.json' || path.startsWith('gateway/')
  return {
    made: Object.fromEntries(digests.filter(([path]) => isMade(path))),
    checks: Object.fromEntries(digests.filter(([path]) => !isMade(path))),
  }
}

function named(opa: string, made: Record<string, string>, checks: Record<string, string>): Pick<Modules, 'digest' | 'checked'> {
  const digest = sha256(goEncoding({ opa, entrypoint: ENTRYPOINT, optimize: 0, files: made }))
  return { digest, checked: sha256(goEncoding({ digest, files: checks })) }
}

/** Text by path below `modules/`. */
function filesOf(sources: Sources): ReadonlyMap<string, string> {
  const modules = [...sources].filter(([path]) => path.startsWith('modules/'))
  return new Map(modules.map(([path, text]) => [path.slice('modules/'.length), text]))
}

async function inFolder<T>(sources: Sources, work: (dir: string) => Promise<T>): Promise<T> {
  const dir = mkdtempSync(join(tmpdir(), 'aegis-modules-'))
  try {
    for (const [path, text] of filesOf(sources)) {
      mkdirSync(dirname(join(dir, path)), { recursive: true })
      writeFileSync(join(dir, path), text)
    }
    return await work(dir)
  } finally {
    rmSync(dir, { recursive: true, force: true })
  }
}
