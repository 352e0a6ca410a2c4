import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { REASONS } from '../../model/codes.ts'
import { lintRego } from '../lint/lint-rego.ts'
import { runOpa } from '../opa.ts'
import type { DocumentFault } from '../yaml-file.ts'
import type { RegoFile } from './ast.ts'
import { capabilityNames, testCapabilities } from './capabilities.ts'
import { opaFaults } from './opa-errors.ts'
import { testFaults } from './tests.ts'

export interface RegoChecked {
  /** `file` is below the folder: `gateway/access.rego`. */
  faults: DocumentFault[]
  /** What was done, one line a step; complete when there are no faults. */
  lines: string[]
}

/**
 * What a change of Rego must pass: parse, lint, `opa check --strict`, `opa fmt`, `opa test` with coverage. Tests run only for Rego that passed
 * all before, and without functions that reach the network or the machine: they may be anybody's.
 *
 * @param dir a folder with `gateway/`, `tests/`, `schemas/input.json` and `capabilities.json`
 */
export async function checkRego(opa: string, dir: string): Promise<RegoChecked> {
  const { files, faults: unparsed } = await parse(opa, dir)
  if (unparsed.length > 0) return { faults: unparsed, lines: [] }
  const functions = capabilityNames(readFileSync(join(dir, 'capabilities.json'), 'utf8'))
  const linted = lintRego({ files, functions, codes: new Set(Object.keys(REASONS)) })
  const scratch = mkdtempSync(join(tmpdir(), 'aegis-rego-'))
  try {
    const forTests = join(scratch, 'capabilities.json')
    writeFileSync(forTests, await testCapabilities(opa, dir))
    const checked = [...(await check(opa, dir, forTests)), ...(await format(opa, dir))]
    const faults = inOrder([...linted, ...checked.filter((fault) => !linted.some((lint) => samePlace(lint, fault)))])
    if (faults.length > 0) return { faults, lines: [] }
  } finally {
    rmSync(scratch, { recursive: true, force: true })
  }
  const tested = await testFaults(opa, dir)
  return { faults: inOrder(tested.faults), lines: ['format and types are fine', ...tested.lines] }
}

async function parse(opa: string, dir: string): Promise<{ files: RegoFile[]; faults: DocumentFault[] }> {
  const files: RegoFile[] = []
  const faults: DocumentFault[] = []
  for (const path of regoIn(dir, 'gateway')) {
    const result = await runOpa(opa, ['parse', '--format', 'json', '--json-include', 'locations', path], { cwd: dir })
    if (result.code === 0) files.push({ ...JSON.parse(result.stdout), path })
    else faults.push(...opaFaults('parse', result))
  }
  return { files, faults }
}

/** The library by itself with its own capabilities, then beside its tests, which may use more. */
async function check(opa: string, dir: string, forTests: string): Promise<DocumentFault[]> {
  const strict = ['check', '--strict', '--format', 'json', '--max-errors', '100', '--schema', 'schemas/input.json', '--capabilities']
  const library = await runOpa(opa, [...strict, 'capabilities.json', 'gateway'], { cwd: dir })
  if (library.code !== 0 || regoIn(dir, 'tests').length === 0) return opaFaults('check', library)
  const tests = ['check', '--format', 'json', '--max-errors', '100', '--capabilities', forTests, 'gateway', 'tests']
  return opaFaults('check', await runOpa(opa, tests, { cwd: dir }))
}

async function format(opa: string, dir: string): Promise<DocumentFault[]> {
  const folders = ['gateway', ...(regoIn(dir, 'tests').length === 0 ? [] : ['tests'])]
  const { code, stdout, stderr } = await runOpa(opa, ['fmt', '--list', ...folders], { cwd: dir })
  if (code !== 0) return opaFaults('fmt', { code, stdout, stderr })
  const faults: DocumentFault[] = []
  for (const file of stdout.split('\n').filter((line) => line !== '')) {
    const formatted = (await runOpa(opa, ['fmt', file], { cwd: dir })).stdout.split('\n')
    const written = readFileSync(join(dir, file), 'utf8').split('\n')
    const line = written.findIndex((text, index) => text !== formatted[index])
    faults.push({
      file,
      line: Math.max(1, line + 1),
      column: 1,
      path: '',
      message: 'is not laid out as opa fmt does; run opa fmt --write on it',
    })
  }
  return faults
}

export function regoIn(dir: string, folder: string): string[] {
  const names = readdirSync(dir).includes(folder) ? readdirSync(join(dir, folder)) : []
  return names
    .filter((name) => name.endsWith('.rego'))
    .sort()
    .map((name) => `${folder}/${name}`)
}

function samePlace(a: DocumentFault, b: DocumentFault): boolean {
  return a.file === b.file && a.line === b.line
}

function inOrder(faults: readonly DocumentFault[]): DocumentFault[] {
  return faults.toSorted((a, b) => (a.file === b.file ? a.line - b.line || a.column - b.column : a.file < b.file ? -1 : 1))
}
