import { spawnSync } from 'node:child_process'
import { cpSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { afterAll, beforeAll, expect, test } from '@jest/globals'

// The import rules live in biome.json. Here each is broken once, in a copy of the project's skeleton,
// and has to be found: a rule that a slip in a glob has switched off would otherwise stay green.

const ROOT = join(import.meta.dirname, '..')

/** File -> the one line in it that breaks a rule, and the rule. */
const PLANTED: Record<string, [rule: string, source: string]> = {
  'runtime/model/upward.ts': ['noRestrictedImports', "export { a } from '../policy/a.ts'"],
  'runtime/policy/upward.ts': ['noRestrictedImports', "export { a } from '../gateway/a.ts'"],
  'runtime/dlp/upward.ts': ['noRestrictedImports', "export { a } from '../gateway/stages/a.ts'"],
  'runtime/evidence/upward.ts': ['noRestrictedImports', "export { a } from '../control-plane/a.ts'"],
  'runtime/identity/upward.ts': ['noRestrictedImports', "export type { A } from '../fabric/a.ts'"],
  'runtime/state/upward.ts': ['noRestrictedImports', "export const later = import('../console/a.ts')"],
  'runtime/budget/upward.ts': ['noRestrictedImports', "export { a } from '../gateway/a.ts'"],
  'runtime/telemetry/upward.ts': ['noRestrictedImports', "export { a } from '../cli/a.ts'"],
  'runtime/gateway/fabric.ts': ['noRestrictedImports', "export { a } from '../fabric/a.ts'"],
  'runtime/gateway/stages/deep.ts': ['noRestrictedImports', "export { a } from '../../fabric/wan/a.ts'"],
  'runtime/gateway/control-plane.ts': ['noRestrictedImports', "export { a } from '../control-plane/a.ts'"],
  'runtime/gateway/failover.ts': ['noRestrictedImports', "export { a } from '../failover/a.ts'"],
  'runtime/gateway/test.ts': ['noRestrictedImports', "export { a } from '../../test/support/a.ts'"],
  'runtime/gateway/sidecar.ts': ['noRestrictedImports', "export { a } from '../sidecar/a.ts'"],
  'runtime/sidecar/gateway.ts': ['noRestrictedImports', "export { a } from '../gateway/doors/a.ts'"],
  'runtime/sidecar/identity.ts': ['noRestrictedImports', "export { a } from '../identity/a.ts'"],
  'runtime/sidecar/aws.ts': ['noRestrictedImports', "export { KMSClient } from '@aws-sdk/client-kms'"],
  'runtime/control-plane/gateway.ts': ['noRestrictedImports', "export { a } from '../gateway/a.ts'"],
  'runtime/fabric/failover.ts': ['noRestrictedImports', "export { a } from '../failover/a.ts'"],
  'runtime/console/cli.ts': ['noRestrictedImports', "export { a } from '../cli/a.ts'"],
  'runtime/failover/cli.ts': ['noRestrictedImports', "export { a } from '../cli/a.ts'"],
  'runtime/cli/stack.ts': ['noRestrictedImports', "export { a } from '../../lib/stacks/a.ts'"],
  'runtime/fabric/cdk.ts': ['noRestrictedImports', "export { Stack } from 'aws-cdk-lib'"],
  'runtime/gateway/cdk.ts': ['noRestrictedImports', "export { Bucket } from 'aws-cdk-lib/aws-s3'"],
  'lib/stacks/runtime.ts': ['noRestrictedImports', "export { a } from '../../runtime/model/a.ts'"],
  'bin/runtime.ts': ['noRestrictedImports', "export { a } from '../runtime/model/a.ts'"],
  'config/runtime.ts': ['noRestrictedImports', "export { a } from '../runtime/model/a.ts'"],
  'config/lib.ts': ['noRestrictedImports', "export { a } from '../lib/a.ts'"],
  'runtime/state/env-import.ts': ['noRestrictedImports', "export { env } from 'node:process'"],
  'runtime/gateway/env.ts': ['noProcessEnv', 'export const port = process.env.AEGIS_PORT'],
  'runtime/fabric/wan/env.ts': ['noProcessEnv', "export const port = process['env'].AEGIS_PORT"],
  'runtime/gateway/dev.ts': ['noUndeclaredDependencies', "export { default as dynalite } from 'dynalite'"],
  'lib/undeclared.ts': ['noUndeclaredDependencies', "export { a } from 'a-package-that-nobody-declared'"],
  'lib/default.ts': ['noDefaultExport', 'export default 1'],
  'lib/index.ts': ['noBarrelFile', "export * from './default.ts'"],
  'runtime/model/cycle-one.ts': ['noImportCycles', "import { two } from './cycle-two.ts'\nexport const one = () => two"],
  'runtime/model/cycle-two.ts': ['noImportCycles', "import { one } from './cycle-one.ts'\nexport const two = () => one"],
}

const ALLOWED: Record<string, string> = {
  'runtime/gateway/config.ts': 'export const port = process.env.AEGIS_PORT',
  'runtime/gateway/stages/down.ts': "import { a } from '../../policy/a.ts'\nimport fastify from 'fastify'\nexport const b = [a, fastify]",
  'runtime/fabric/down.ts': "import { a } from '../gateway/a.ts'\nimport dynalite from 'dynalite'\nexport const b = [a, dynalite]",
  'runtime/identity/beside.ts': "import { a } from '../state/a.ts'\nexport const b = a",
  'runtime/cli/down.ts': "import { a } from '../failover/a.ts'\nimport { c } from '../../config/a.ts'\nexport const b = [a, c]",
  'lib/stacks/fine.ts': "import { Stack } from 'aws-cdk-lib'\nimport { c } from '../../config/a.ts'\nexport const b = [Stack, c]",
  'scripts/fine.ts': 'export const ci = process.env.CI',
}

let directory: string
let found: Map<string, Set<string>>

beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), 'aegis-imports-'))
  for (const file of ['biome.json', 'package.json']) cpSync(join(ROOT, file), join(directory, file))
  symlinkSync(join(ROOT, 'node_modules'), join(directory, 'node_modules'))
  const sources = { ...ALLOWED, ...Object.fromEntries(Object.entries(PLANTED).map(([file, [, source]]) => [file, source])) }
  for (const [file, source] of Object.entries(sources)) {
    mkdirSync(dirname(join(directory, file)), { recursive: true })
    writeFileSync(join(directory, file), `${source}\n`)
  }
  found = lint(directory)
})

afterAll(() => rmSync(directory, { recursive: true, force: true }))

test.each(Object.entries(PLANTED))('refuses %s by %j', (file, [rule]) => {
  expect([...(found.get(file) ?? [])]).toContain(rule)
})

test.each(Object.keys(ALLOWED))('lets %s pass', (file) => {
  expect([...(found.get(file) ?? [])]).toEqual([])
})

/** Biome's findings in a folder: file -> names of the rules it breaks. */
function lint(folder: string): Map<string, Set<string>> {
  const { stdout } = spawnSync(join(ROOT, 'node_modules/.bin/biome'), ['lint', '--reporter=json', '--max-diagnostics=none'], {
    cwd: folder,
    encoding: 'utf8',
  })
  const { diagnostics } = JSON.parse(stdout) as { diagnostics: { category: string; location: { path: string | { file: string } } }[] }
  const rules = new Map<string, Set<string>>()
  for (const { category, location } of diagnostics) {
    const file = typeof location.path === 'string' ? location.path : location.path.file
    rules.set(file, (rules.get(file) ?? new Set()).add(category.split('/').at(-1) ?? category))
  }
  return rules
}
