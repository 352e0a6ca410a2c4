import { fileURLToPath } from 'node:url'
import { CommanderError } from 'commander'
import { ConfigError, resolveDeployment } from '../../config/resolve.ts'
import type { Deployment } from '../../config/schema.ts'
import { CommandError, EXIT, type ExitCode } from './exit-codes.ts'
import { untilInterrupted } from './policy/interruption.ts'
import type { Surroundings } from './policy/publish.ts'
import { type Actions, buildProgram } from './program.ts'
import { terminal } from './terminal.ts'

const out = (line: string) => void process.stdout.write(`${line}\n`)
const complain = (line: string) => void process.stderr.write(`${line}\n`)

/** Runs one command line. Faults of the person who wrote it are told in one line each; a stack is for our own. */
export async function runCommandLine(args: readonly string[], actions: Actions = loadedActions): Promise<ExitCode> {
  let code: ExitCode = EXIT.held
  const program = buildProgram(actions, (ended) => {
    code = ended
  })
  try {
    await program.parseAsync(args, { from: 'user' })
    return code
  } catch (error) {
    return explain(error)
  }
}

/** Names of errors that are wrong usage or bad configuration; their classes live in rooms that are not loaded for every command. */
const FAULTS_OF_USE = new Set([
  'UsageError',
  'FabricRunningError',
  'DocumentError',
  'TemplateError',
  'RunbookError',
  'PinnedError',
  'TrustRootError',
])

function explain(error: unknown): ExitCode {
  if (error instanceof CommanderError) {
    if (error.exitCode === 0) return EXIT.held
    if (error.code !== 'commander.help') complain(`aegis: ${error.message.replace(/^error: /, '')}`)
    return EXIT.usage
  }
  if (error instanceof CommandError) {
    for (const line of error.details) complain(line)
    complain(`aegis: ${error.message}`)
    return error.exitCode
  }
  if (error instanceof ConfigError || (error instanceof Error && FAULTS_OF_USE.has(error.name))) {
    complain(error.message)
    return EXIT.usage
  }
  // Whatever keeps the one file that an adopter edits from being read is a fault of that file.
  if (error instanceof Error && error.stack?.includes('/config/deployment.ts')) {
    complain(`config/deployment.ts: ${error.message}`)
    return EXIT.usage
  }
  // Started parts report in one line what they need; only what nobody foresaw shows where it happened.
  complain(
    error instanceof Error && error.name === 'Error' ? `aegis: ${error.message}` : String(error instanceof Error ? error.stack : error),
  )
  return EXIT.failed
}

const loadedActions: Actions = {
  up: async (options) => (await import('./up.ts')).up(options),
  demo: async ({ stateDir, withFaults }) => (await import('./demo.ts')).demo({ stateDir, withFaults }, out),
  call: async (options) => (await import('./call.ts')).call(options, out),
  scan: async (options) => (await import('./scan.ts')).scan({ ...options, custom: (await import('./own-classes.ts')).ownClasses() }, out),
  directory: async (command) => (await import('./directory.ts')).directory(command, out),
  drill: async (runbook, options) => (await import('../failover/drill.ts')).runDrill({ runbook, ...options }),
  status: async ({ stateDir }) => (await import('./status.ts')).status(stateDir, out),
  explain: async (options) => (await import('./explain.ts')).explain(options, out),
  approve: async (options) => (await import('./approve.ts')).approve(options, out),
  approvals: async (options) => (await import('./approvals.ts')).approvals(options, out),
  kill: async (options) => (await import('./kills.ts')).kill(options, out),
  kills: async (options) => (await import('./kills.ts')).kills(options, out),
  lift: async (options) => (await import('./kills.ts')).lift(options, out),
  promote: async (options) => (await import('./promote.ts')).promote(options, out),
  pin: async ({ environment, ...options }) =>
    (await import('./deploy/pin.ts')).pin({ deployment: await ownDeployment(environment), ...options }, out),
  preflight: async ({ environment, ...options }) =>
    (await import('./deploy/preflight.ts')).preflight({ deployment: await ownDeployment(environment, PINNED_FOLDER), ...options }, out),
  policyBuild: async () => (await import('./policy.ts')).policyBuild(out),
  policyCheck: async () => (await import('./policy/check.ts')).policyCheck(out),
  policyTest: async () => (await import('./policy.ts')).policyTest(out),
  policyPublish: (options) => watched(async (around) => (await import('./policy/publish.ts')).policyPublish(options, around)),
  policyStatus: (options) => watched(async (around) => (await import('./policy/status.ts')).policyStatus(options, around)),
  policyOrder: async (order, options) => (await import('./policy/order.ts')).policyOrder(order, options, { out, columns: columns() }),
  policyRollback: (options) => watched(async (around) => (await import('./policy/release.ts')).policyRollback(options, around)),
  policyRenew: (options) => watched(async (around) => (await import('./policy/release.ts')).policyRenew(options, around)),
  policyDiff: async (options) => (await import('./policy/diff.ts')).policyDiff(options, { out, columns: columns() }),
  policyReplay: (options) => watched(async (around) => (await import('./policy/replay.ts')).policyReplay(options, around)),
  policyHistory: async (options) => (await import('./policy/history.ts')).policyHistory(options, { out, columns: columns() }),
}

const PINNED_FOLDER = fileURLToPath(new URL('../../config/pinned', import.meta.url))

/** @param pinnedFolder none for whoever pins: what is pinned already may be what keeps the configuration from being whole */
async function ownDeployment(environment: string | undefined, pinnedFolder?: string): Promise<Deployment> {
  const { deployment: input } = await import('../../config/deployment.ts')
  return resolveDeployment(input, environment, pinnedFolder)
}

const columns = () => terminal(process.stdout).columns

/** For commands that take a while: Ctrl-C ends the watching, not what is watched. */
async function watched(work: (around: Surroundings) => Promise<ExitCode>): Promise<ExitCode> {
  const shown = terminal(process.stdout)
  try {
    return await untilInterrupted((signal) => work({ terminal: shown, out, signal }))
  } finally {
    shown.end()
  }
}
