import { readFileSync } from 'node:fs'
import { stripTypeScriptTypes } from 'node:module'
import { dirname, join, normalize } from 'node:path'

/** Specifiers after `from`, of bare imports, and of `import()` with a literal. Types are gone by then. */
const SPECIFIERS = /(?:\bfrom|^\s*import|\bimport\()\s*(['"])([^'"\n]+)\1/gm

/**
 * What programs import, directly or through others, when Node runs them: files below `root` and the names of packages, sorted.
 * @param programs paths from `root`
 */
export function importsFrom(root: string, programs: readonly string[]): { files: string[]; packages: string[] } {
  const files = new Set<string>()
  const packages = new Set<string>()
  const follow = (file: string) => {
    if (files.has(file)) return
    files.add(file)
    for (const [, , specifier = ''] of stripTypeScriptTypes(readFileSync(join(root, file), 'utf8')).matchAll(SPECIFIERS)) {
      if (specifier.startsWith('.')) follow(normalize(join(dirname(file), specifier)))
      else if (!specifier.startsWith('node:')) packages.add(packageOf(specifier))
    }
  }
  for (const program of programs) follow(program)
  return { files: [...files].sort(), packages: [...packages].sort() }
}

function packageOf(specifier: string): string {
  return specifier
    .split('/')
    .slice(0, specifier.startsWith('@') ? 2 : 1)
    .join('/')
}
