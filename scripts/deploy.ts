// `npm run deploy -- <stacks>`: preflight, one synth, then the CDK's own deploy, kind by kind in the order of config/deploy-order.ts. It deploys what was
// named and nothing else, and stops at the first stack that fails. What comes after a second `--` goes to `cdk deploy` as it is.
import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { deployOrder, type PlannedStack, STACK_KINDS, selectStacks } from '../config/deploy-order.ts'
import { deployment as input } from '../config/deployment.ts'
import { PinnedError } from '../config/pinned.ts'
import { ConfigError, resolveDeployment } from '../config/resolve.ts'

const ROOT = join(import.meta.dirname, '..')
const PINNED_FOLDER = join(ROOT, 'config/pinned')
const USAGE = `npm run deploy -- <stack or pattern>... [--environment <name>] [-- <options of cdk deploy>]`
const CHECK_FAILED = 1
const BAD_USAGE = 2

class UsageError extends Error {}

interface Order {
  patterns: string[]
  environment: string | undefined
  cdkOptions: string[]
}

function main(args: readonly string[]): number {
  try {
    const order = readArguments(args)
    const deployment = resolveDeployment(input, order.environment, PINNED_FOLDER)
    return deploy(order, selectStacks(deployOrder(deployment), order.patterns).selected)
  } catch (error) {
    if (!(error instanceof UsageError || error instanceof ConfigError || error instanceof PinnedError)) throw error
    console.error(error.message)
    return BAD_USAGE
  }
}

function readArguments(args: readonly string[]): Order {
  const end = args.indexOf('--')
  const own = end === -1 ? args : args.slice(0, end)
  const options = { environment: { type: 'string' } } as const
  try {
    const { values, positionals } = parseArgs({ args: [...own], options, allowPositionals: true })
    if (positionals.length === 0) throw new Error('say which stacks')
    return {
      patterns: positionals,
      environment: values.environment,
      cdkOptions: end === -1 ? [] : args.slice(end + 1),
    }
  } catch (error) {
    throw new UsageError(`deploy: ${(error as Error).message}\n${USAGE}`)
  }
}

function deploy({ patterns, environment, cdkOptions }: Order, selected: readonly PlannedStack[]): number {
  const chosen = environment === undefined ? [] : ['--environment', environment]
  const ready = run(process.execPath, ['runtime/cli/aegis.ts', 'preflight', ...patterns, ...chosen])
  if (ready !== 0) return ready
  const assembly = mkdtempSync(join(tmpdir(), 'aegis-deploy-'))
  try {
    const context = environment === undefined ? [] : ['-c', `environment=${environment}`]
    if (!synthesize(['--output', assembly, ...context])) return CHECK_FAILED
    for (const kind of STACK_KINDS) {
      const names = selected.filter((stack) => stack.kind === kind).map(({ name }) => name)
      if (names.length === 0) continue
      const code = run(bin('cdk'), ['deploy', '--app', assembly, '--no-notices', '--exclusively', ...cdkOptions, ...names])
      if (code !== 0) return code
    }
    return 0
  } finally {
    rmSync(assembly, { recursive: true, force: true })
  }
}

/** What synth says is for people who look at templates; what it says when it fails is for everybody. */
function synthesize(options: readonly string[]): boolean {
  const { status, stdout, stderr, error } = spawnSync(bin('cdk'), ['synth', '--quiet', '--no-notices', ...options], {
    cwd: ROOT,
    encoding: 'utf8',
  })
  if (error) throw error
  if (status !== 0) console.error(`${stdout}${stderr}`.trim())
  return status === 0
}

function run(file: string, args: readonly string[]): number {
  const { status, error } = spawnSync(file, args, { cwd: ROOT, stdio: 'inherit' })
  if (error) throw error
  return status ?? 1
}

function bin(name: string): string {
  return join(ROOT, 'node_modules/.bin', name)
}

process.exitCode = main(process.argv.slice(2))
