import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { isDeepStrictEqual } from 'node:util'
import { POLICIES_DIR } from '../build.ts'
import type { Sources } from '../sources.ts'
import type { DocumentFault } from '../yaml-file.ts'

/** Of the same shape as the other rules: what stands beside the Rego and decides how it is compiled. Needs no opa. */
export const moduleFiles = {
  id: 'module-files',
  refuses:
    'a `.manifest` other than the one that keeps the library below `aegis`, `capabilities.json` other than the pinned one, a schema of the input that is fetched from somewhere',
  check(sources: Sources): DocumentFault[] {
    return [
      ...checkJson('modules/gateway/.manifest', sources, (value) =>
        isDeepStrictEqual(value, MANIFEST)
          ? []
          : [`must be ${JSON.stringify(MANIFEST)}: documents stand beside the library below that root`],
      ),
      ...checkJson('modules/capabilities.json', sources, (value) =>
        isDeepStrictEqual(value, pinned())
          ? []
          : ['is not the pinned one: what functions a module may have changes with the code, so deploy first'],
      ),
      ...checkJson('modules/schemas/input.json', sources, (value) => {
        const foreign = refs(value).find((ref) => typeof ref !== 'string' || !ref.startsWith('#'))
        return foreign === undefined ? [] : [`refers to ${JSON.stringify(foreign)}; only places in the same file (#/...) are read`]
      }),
    ].map((fault) => ({ ...fault, message: `${fault.message} [${moduleFiles.id}]` }))
  },
} as const

const MANIFEST = { roots: ['aegis'], rego_version: 1 }

function pinned(): unknown {
  return JSON.parse(readFileSync(join(POLICIES_DIR, 'capabilities.json'), 'utf8'))
}

function checkJson(file: string, sources: Sources, check: (value: unknown) => string[]): DocumentFault[] {
  const at = (message: string): DocumentFault => ({ file, line: 1, column: 1, path: '', message })
  let value: unknown
  try {
    value = JSON.parse(sources.get(file) ?? '')
  } catch (error) {
    return [at(`is not JSON: ${(error as Error).message}`)]
  }
  return check(value).map(at)
}

/** Values of every `$ref`, however deep. */
function refs(value: unknown): unknown[] {
  if (typeof value !== 'object' || value === null) return []
  return Object.entries(value).flatMap(([key, inner]) => (key === '$ref' ? [inner] : refs(inner)))
}
