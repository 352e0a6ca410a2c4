import { Command, InvalidArgumentError, Option } from 'commander'
import type { ApproveOptions } from './approve.ts'
import type { CallOptions } from './call.ts'
import type { DirectoryCommand } from './directory.ts'
import type { ExitCode } from './exit-codes.ts'
import type { ExplainOptions } from './explain.ts'
import type { KillOptions } from './kills.ts'
import { addDeployCommands, type DeployActions } from './program-deploy.ts'
import { addDirectoryCommands } from './program-directory.ts'
import { addOperatorCommands } from './program-operator.ts'
import { addPolicyCommands, type PolicyActions } from './program-policy.ts'
import { stateDirOption, wholeOf } from './program-values.ts'
import type { PromoteOptions } from './promote.ts'

/** What the words of the command line come down to. Each is loaded only when asked for. */
export interface Actions extends PolicyActions, DeployActions {
  up(options: {
    reset: boolean
    regions?: string[]
    portBase?: number
    profile: 'compressed' | 'deployed'
    traffic: boolean
    engineEndpoint?: string
    stateDir: string
  }): Promise<ExitCode>
  demo(options: { withFaults: boolean; stateDir: string }): Promise<ExitCode>
  call(options: CallOptions): Promise<ExitCode>
  scan(options: { json: boolean; file: string }): Promise<ExitCode>
  directory(command: DirectoryCommand): Promise<ExitCode>
  drill(runbook: string, options: { repeat: number; profile?: 'compressed' | 'deployed'; seed?: number }): Promise<ExitCode>
  status(options: { stateDir: string }): Promise<ExitCode>
  explain(options: ExplainOptions): Promise<ExitCode>
  approve(options: ApproveOptions): Promise<ExitCode>
  approvals(options: { stateDir: string; region?: string }): Promise<ExitCode>
  kill(options: KillOptions): Promise<ExitCode>
  kills(options: { stateDir: string; region?: string }): Promise<ExitCode>
  lift(options: { stateDir: string; id: string; reason: string }): Promise<ExitCode>
  promote(options: PromoteOptions & { stateDir: string }): Promise<ExitCode>
}

/** The words of `aegis`. @param done gets the exit code of the command that ran */
export function buildProgram(actions: Actions, done: (code: ExitCode) => void): Command {
  const program = new Command('aegis').description(
    'Policy gateway for AI agents: all regions on this machine, and what can be done with them',
  )
  const profile = () =>
    new Option('--profile <profile>', 'timings: of the templates, or divided by ten').choices(['compressed', 'deployed'])

  program
    .command('up')
    .description('run every region on this machine until Ctrl-C')
    .option('--reset', 'forget tables, buckets and spools of earlier starts', false)
    .option('--regions <list>', 'only these regions, by commas', listOf)
    .option('--port-base <port>', 'ports from this one on (default: whatever is free)', portOf)
    .addOption(profile().default('compressed'))
    .option('--no-traffic', 'no demo agents that call by themselves')
    .option('--engine-endpoint <url>', 'another DynamoDB engine than the built-in one', urlOf)
    .addOption(stateDirOption())
    .action(async (options) => done(await actions.up(options)))
  program
    .command('demo')
    .description('call by call what the demo deployment promises, compared with what it answers')
    .option('--with-faults', 'also the rows that take regions and the control plane away', false)
    .addOption(stateDirOption())
    .action(async (options) => done(await actions.demo(options)))
  program
    .command('call')
    .description('one call of a demo agent')
    .argument('<agent>')
    .argument('<tool.action>')
    .requiredOption('--json <arguments>', 'arguments as JSON, sent as written')
    .option('--region <region>', "straight at this region's gateway")
    .option('--via <name>', "by this public name: a zone or global (default: the agent's own)")
    .option('--from <place>', 'as a client there: a zone or region (with --via)')
    .option('--tool-door', 'through the tool proxy, which executes what is allowed')
    .option('--approval <id or token>', 'redeem an approval: its id, whose token is collected first, or an override token')
    .option('--chain <chain id>', "also continue this chain, of another agent's verdict")
    .option('--key <idempotency key>', 'the same key again is the same call')
    .option('--new-session', 'with a fresh token, whose chain is empty')
    .addOption(stateDirOption())
    .action(async (agent, action, options) => done(await actions.call({ agent, action, ...options })))
  program
    .command('scan')
    .description('which data would be found: JSON Lines in, findings out')
    .argument('[file]', 'file, or - for standard input', '-')
    .option('--json', 'findings as JSON, one line a line', false)
    .action(async (file, options) => done(await actions.scan({ file, ...options })))
  program
    .command('drill')
    .description('run a runbook and report what was measured')
    .argument('<runbook>', 'its name, or all')
    .option('--repeat <n>', 'rounds, each at another phase', wholeOf, 1)
    .addOption(profile())
    .option('--seed <n>', 'repeat the phases of an earlier drill', wholeOf)
    .action(async (runbook, options) => done(await actions.drill(runbook, options)))
  program
    .command('status')
    .description('regions, processes and what is published')
    .addOption(stateDirOption())
    .action(async (options) => done(await actions.status(options)))

  addDirectoryCommands(program, actions, done)
  addOperatorCommands(program, actions, done)
  addDeployCommands(program, actions, done)
  const policy = addPolicyCommands(program, actions, done)
  for (const command of [program, ...program.commands, ...policy.commands]) {
    command.exitOverride().configureOutput({ outputError: () => {} })
    command.showHelpAfterError(false)
  }
  return program
}

function listOf(text: string): string[] {
  const items = text.split(',').map((item) => item.trim())
  if (items.some((item) => item === '')) throw new InvalidArgumentError('is not a list of names by commas')
  return items
}

function portOf(text: string): number {
  const port = wholeOf(text)
  if (port < 1024 || port > 65_000) throw new InvalidArgumentError('must be a port from 1024 to 65000')
  return port
}

function urlOf(text: string): string {
  if (!URL.canParse(text) || !/^https?:/.test(text)) throw new InvalidArgumentError('must be an http URL')
  return text
}
