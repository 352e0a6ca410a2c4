import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { PolicyRefusedError } from './refused.ts'
import type { DocumentFault } from './yaml-file.ts'

/**
 * The texts that a revision is made from, by path: `documents/agents/x.yaml`, `documents/tools.yaml`, `documents/classes.yaml`,
 * `modules/gateway/x.rego`, `modules/gateway/.manifest`, `modules/tests/x.rego`, `modules/schemas/input.json`, `modules/capabilities.json`.
 * Tenants and clients are not among them: the control plane's directory keeps those.
 */
export type Sources = ReadonlyMap<string, string>

/** Far above what a large deployment writes, far below what would stall a control plane. */
export const SOURCE_FILES_MAX = 5000
export const SOURCE_BYTES_MAX = 1024 * 1024
export const SOURCES_BYTES_MAX = 16 * 1024 * 1024

const REQUIRED = ['documents/tools.yaml', 'modules/capabilities.json', 'modules/gateway/.manifest', 'modules/schemas/input.json'] as const

const KNOWN = [
  /^documents\/agents\/[A-Za-z0-9][A-Za-z0-9._-]{0,127}\.ya?ml$/,
  /^documents\/(tools|classes)\.yaml$/,
  /^modules\/(gateway|tests)\/[A-Za-z0-9][A-Za-z0-9._-]{0,127}\.rego$/,
  /^modules\/(gateway\/\.manifest|schemas\/input\.json|capabilities\.json)$/,
]

/**
 * Reads the sources of a clone.
 *
 * @param documentsDir folder of `agents/`, `tools.yaml` and `classes.yaml`
 * @param policiesDir folder of `gateway/`, `tests/`, `schemas/` and `capabilities.json`
 * @throws PolicyRefusedError as `checkedSources`, and for a file that is not UTF-8
 */
export function sourcesIn({ documentsDir, policiesDir }: { documentsDir: string; policiesDir: string }): Sources {
  const found = [
    ...filesOf(documentsDir, '', 'documents/'),
    ...filesOf(documentsDir, 'agents/', 'documents/'),
    ...filesOf(policiesDir, '', 'modules/'),
    ...filesOf(policiesDir, 'gateway/', 'modules/'),
    ...filesOf(policiesDir, 'tests/', 'modules/'),
    ...filesOf(policiesDir, 'schemas/', 'modules/'),
  ]
  const faults: DocumentFault[] = []
  const texts = found.flatMap(({ path, file }): [string, string][] => {
    try {
      return [[path, textOf(readFileSync(file))]]
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ERR_ENCODING_INVALID_ENCODED_DATA') throw error
      faults.push(faultAt(path, 'is not UTF-8'))
      return []
    }
  })
  if (faults.length > 0) throw new PolicyRefusedError(faults)
  return checkedSources(Object.fromEntries(texts))
}

/**
 * Checks what somebody hands in: known paths and no others, so that none points anywhere; sizes; text that has one encoding.
 *
 * @param files text by path
 * @returns the sources in the order of their paths, whatever order they came in
 * @throws PolicyRefusedError with every fault
 */
export function checkedSources(files: Readonly<Record<string, string>>): Sources {
  const entries = Object.entries(files).sort(([a], [b]) => (a < b ? -1 : 1))
  if (entries.length > SOURCE_FILES_MAX)
    throw new PolicyRefusedError([faultAt('', `there are ${entries.length} files, at most ${SOURCE_FILES_MAX} are taken`)])
  const faults = entries.flatMap(([path, text]) => faultsOf(path, text))
  for (const path of REQUIRED) if (!Object.hasOwn(files, path)) faults.push(faultAt(path, 'there is no such file'))
  if (!entries.some(([path]) => isModule(path))) faults.push(faultAt('modules/gateway', 'there is no Rego in it'))
  const bytes = entries.reduce((sum, [, text]) => sum + Buffer.byteLength(text), 0)
  if (bytes > SOURCES_BYTES_MAX) faults.push(faultAt('', `all files together have ${bytes} bytes, at most ${SOURCES_BYTES_MAX} are taken`))
  if (faults.length > 0) throw new PolicyRefusedError(faults)
  return new Map(entries)
}

/** The Rego of the library, whose tests are not part of the module. */
export function isModule(path: string): boolean {
  return path.startsWith('modules/gateway/') && path.endsWith('.rego')
}

function faultsOf(path: string, text: string): DocumentFault[] {
  if (!KNOWN.some((known) => known.test(path)))
    return [faultAt(path, 'this path is not part of a policy; see "What a publish refuses" in docs/policy-guide.md')]
  if (!text.isWellFormed()) return [faultAt(path, 'is not UTF-8: it has half of a surrogate pair')]
  const nul = text.indexOf('\0')
  if (nul >= 0) return [{ ...faultAt(path, 'has a NUL character'), line: text.slice(0, nul).split('\n').length }]
  const bytes = Buffer.byteLength(text)
  return bytes > SOURCE_BYTES_MAX ? [faultAt(path, `has ${bytes} bytes, at most ${SOURCE_BYTES_MAX} are taken`)] : []
}

/** A path of somebody else's making is shown so that it cannot act on a terminal. */
function faultAt(path: string, message: string): DocumentFault {
  const shown = /^[\w./-]*$/.test(path) ? path : JSON.stringify(path)
  return { file: shown.slice(0, 300), line: 1, column: 1, path: '', message }
}

/** Files of one folder. What else lies beside the sources (fixtures, built modules, generated schemas, tenants) is none of them. */
function filesOf(root: string, folder: string, prefix: string): { path: string; file: string }[] {
  return namesIn(join(root, folder))
    .filter((name) => belongs(`${prefix}${folder}`, name))
    .map((name) => ({ path: `${prefix}${folder}${name}`, file: join(root, folder, name) }))
}

/** Wider than the paths that are taken: a document with a strange name is refused, and not passed over. */
function belongs(folder: string, name: string): boolean {
  if (folder === 'documents/agents/') return /\.ya?ml$/.test(name)
  if (folder === 'modules/tests/') return name.endsWith('.rego')
  return folder === 'modules/gateway/' || KNOWN.some((known) => known.test(`${folder}${name}`))
}

function namesIn(folder: string): string[] {
  try {
    return readdirSync(folder).sort()
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error
    return []
  }
}

/** A mark at the front stays: the bytes of a module decide what it is called. */
function textOf(bytes: Uint8Array): string {
  return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes)
}
