// `npm run test:full`: the tests that hold this project against other people's software: the real `opa`, AWS's DynamoDB engine, cfn-lint, an AWS
// emulator. What a machine lacks is skipped and said loudly. With CI=true it is a failure, so that nothing is skipped there unseen, unless
// AEGIS_MAY_SKIP names it (commas between names).
import { spawn, spawnSync } from 'node:child_process'
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { findOpa } from '../runtime/policy/opa.ts'
import { EXTERNAL_TOOLS, type Prepared, prepare, prepareBuildah } from './external-tools.ts'

const ROOT = join(import.meta.dirname, '..')
/** A build from source takes some four minutes on two cores. */
const OPA_TIMEOUT_MS = 8 * 60_000

async function main(jestArgs: readonly string[]): Promise<number> {
  const env: NodeJS.ProcessEnv = { ...process.env }
  const skipped: string[] = []
  let unexcused = 0
  for (const [name, variable, prepared] of await prepareAll()) {
    if ('path' in prepared) {
      env[variable] = prepared.path
      continue
    }
    skipped.push(`SKIPPED ${name}: ${prepared.why}`)
    if (!mayBeSkipped(name)) unexcused += 1
  }
  for (const line of skipped) console.log(line)
  const code = await jest(jestArgs, env)
  // Said again, because the first time has scrolled away.
  for (const line of skipped) console.log(line)
  if (unexcused > 0 && isSet(process.env.CI)) {
    console.log('test:full: where CI is set, a missing tool is a failure unless AEGIS_MAY_SKIP names it')
    return 1
  }
  return code
}

async function prepareAll(): Promise<[name: string, variable: string, Prepared][]> {
  const toolsDir = join(ROOT, '.tools')
  mkdirSync(toolsDir, { recursive: true })
  const others = EXTERNAL_TOOLS.map((tool): [string, string, Prepared] => [tool.name, tool.variable, prepare(tool, toolsDir)])
  const buildah = prepareBuildah({ mayInstall: isSet(process.env.CI) })
  return [['opa', 'OPA_BIN', await prepareOpa()], ['buildah', 'AEGIS_BUILDAH', buildah], ...others]
}

/** `npm run tools` finds it or builds it. */
async function prepareOpa(): Promise<Prepared> {
  const { stderr } = spawnSync(process.execPath, [join(import.meta.dirname, 'tools.ts')], {
    encoding: 'utf8',
    stdio: ['ignore', 'inherit', 'pipe'],
    timeout: OPA_TIMEOUT_MS,
  })
  const path = await findOpa()
  return path === undefined
    ? { why: stderr.trim().split('\n').at(-1) || `npm run tools did not end in ${OPA_TIMEOUT_MS / 1000} s` }
    : { path }
}

function jest(args: readonly string[], env: NodeJS.ProcessEnv): Promise<number> {
  const command = [
    '--experimental-vm-modules',
    '--disable-warning=ExperimentalWarning',
    'node_modules/jest/bin/jest.js',
    // First, because the options below take every word that follows them.
    ...args,
    // `npm test` ignores this folder (jest.config.ts); here it is the only one.
    '--testPathIgnorePatterns=/node_modules/',
    '--testMatch=<rootDir>/test/full/**/*.test.ts',
  ]
  const child = spawn(process.execPath, command, { cwd: ROOT, env, stdio: 'inherit' })
  return new Promise((resolve, reject) => {
    child.once('error', reject)
    child.once('exit', (code) => resolve(code ?? 1))
  })
}

function mayBeSkipped(tool: string): boolean {
  return (process.env.AEGIS_MAY_SKIP ?? '').split(',').some((name) => name.trim() === tool)
}

function isSet(value: string | undefined): boolean {
  return value !== undefined && value !== '' && value !== 'false' && value !== '0'
}

process.exitCode = await main(process.argv.slice(2))
