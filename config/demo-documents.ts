import { existsSync, readFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'

const REPOSITORY = fileURLToPath(new URL('..', import.meta.url))
const DEMO = 'demo'

/**
 * What a folder of documents has of the demo that must not be deployed: itself, or a client's secret that everybody can read here. A copy of the demo under
 * another name is a usual beginning, and its secrets are easily forgotten.
 * @returns what it is, in words; undefined when it has nothing of it
 */
export function demoPartOf(documentsDir: string, repository: string = REPOSITORY): string | undefined {
  const demo = join(repository, DEMO)
  const folder = resolve(repository, documentsDir)
  if (folder === demo) return 'is the demo, whose secrets everybody knows'
  const known = secretsIn(demo)
  const count = [...secretsIn(folder)].filter((secret) => known.has(secret)).length
  return count === 0 ? undefined : `has ${count} ${count === 1 ? 'secret' : 'secrets'} of the demo in clients.yaml, which everybody knows`
}

/** Digests of clients' secrets, wherever they stand in the file. */
function secretsIn(folder: string): Set<string> {
  const file = join(folder, 'clients.yaml')
  if (!existsSync(file)) return new Set()
  return new Set(readFileSync(file, 'utf8').match(/\b[0-9a-f]{64}\b/g))
}
