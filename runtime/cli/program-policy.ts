import { type Command, InvalidArgumentError, Option } from 'commander'
import type { ExitCode } from './exit-codes.ts'
import type { DiffOptions } from './policy/diff.ts'
import type { HistoryOptions } from './policy/history.ts'
import type { OrderOptions, RolloutOrder } from './policy/order.ts'
import type { PublishOptions } from './policy/publish.ts'
import type { RollbackOptions } from './policy/release.ts'
import type { ReplayOptions } from './policy/replay.ts'
import type { StatusOptions } from './policy/status.ts'
import { countOf, stateDirOption, wholeOf } from './program-values.ts'

/** What the words after `aegis policy` come down to. */
export interface PolicyActions {
  policyBuild(): Promise<ExitCode>
  policyCheck(): Promise<ExitCode>
  policyTest(): Promise<ExitCode>
  policyPublish(options: PublishOptions): Promise<ExitCode>
  policyStatus(options: StatusOptions): Promise<ExitCode>
  policyOrder(order: RolloutOrder, options: OrderOptions): Promise<ExitCode>
  policyRollback(options: RollbackOptions): Promise<ExitCode>
  policyRenew(options: { stateDir: string; json: boolean }): Promise<ExitCode>
  policyDiff(options: DiffOptions): Promise<ExitCode>
  policyReplay(options: ReplayOptions): Promise<ExitCode>
  policyHistory(options: HistoryOptions): Promise<ExitCode>
}

/** The life of a policy, from a text file to every region. */
export function addPolicyCommands(program: Command, actions: PolicyActions, done: (code: ExitCode) => void): Command {
  const policy = program.command('policy').description('life of the policies')
  policy
    .command('build')
    .description('compile the Rego and write module and schemas')
    .action(async () => done(await actions.policyBuild()))
  policy
    .command('check')
    .description('faults in the documents of this clone')
    .action(async () => done(await actions.policyCheck()))
  policy
    .command('test')
    .description('what a change of Rego must pass')
    .action(async () => done(await actions.policyTest()))
  addLooks(policy, actions, done)
  policy
    .command('publish')
    .description('check the policy of this clone and roll it out, region by region')
    .option('--reason <text>', "kept with it (default: the last commit's subject)")
    .option('--revision <revision>', 'roll out this one, which is registered already', revisionOf)
    .option('--replay <n>', 'first replay recorded decisions; refuse when more than n of them would newly be denied', wholeOf)
    .option('--since <hours>', 'how far --replay looks back (default: 24)', countOf)
    .option('--shadow <seconds>', 'first judge beside the active revision, deciding nothing', countOf)
    .option('--max-new-denies <percent>', 'abort when more of the compared calls would newly be denied', percentOf)
    .option('--no-wait', 'do not watch it')
    .addOption(jsonOption())
    .addOption(stateDirOption())
    .action(async (options) => done(await actions.policyPublish(options)))
  addOrders(policy, actions, done)
  return policy
}

/** Commands that change nothing. */
function addLooks(policy: Command, actions: PolicyActions, done: (code: ExitCode) => void): void {
  policy
    .command('status')
    .description('what is in force where, and what is on its way')
    .option('--watch', 'until Ctrl-C', false)
    .addOption(jsonOption())
    .addOption(stateDirOption())
    .action(async (options) => done(await actions.policyStatus(options)))
  policy
    .command('diff')
    .description('what a change means, in words')
    .argument('[from]', 'a revision, active, or . (the working tree)', sideOf, 'active')
    .argument('[to]', 'the same', sideOf, '.')
    .option('--patch', 'also the text, as unified diffs', false)
    .addOption(jsonOption())
    .addOption(stateDirOption())
    .action(async (from, to, options) => done(await actions.policyDiff({ from, to, ...options })))
  policy
    .command('replay')
    .description('judge recorded decisions by another revision, and show what would change')
    .argument('[revision]', 'a revision, or . (the working tree)', revisionOrTree, '.')
    .option('--since <hours>', 'how far back (default: 24)', countOf)
    .option('--limit <n>', 'at most so many of the newest, in every region', countOf)
    .option('--region <region>', 'of this region only')
    .addOption(jsonOption())
    .addOption(stateDirOption())
    .action(async (revision, options) => done(await actions.policyReplay({ revision, ...options })))
  policy
    .command('history')
    .description('revisions and what became of them, newest first')
    .option('--limit <n>', 'revisions', countOf, 20)
    .addOption(jsonOption())
    .addOption(stateDirOption())
    .action(async (options) => done(await actions.policyHistory(options)))
}

function addOrders(policy: Command, actions: PolicyActions, done: (code: ExitCode) => void): void {
  for (const [order, description] of ORDERS) {
    policy
      .command(order)
      .description(description)
      .option('--reason <text>', 'kept with it', 'by the command line')
      .addOption(jsonOption())
      .addOption(stateDirOption())
      .action(async (options) => done(await actions.policyOrder(order, options)))
  }
  policy
    .command('rollback')
    .description('an earlier revision to every region at once')
    .argument('[revision]', 'default: the one before the one in force', revisionOf)
    .requiredOption('--reason <text>', 'kept with it')
    .addOption(jsonOption())
    .addOption(stateDirOption())
    .action(async (revision, options) => done(await actions.policyRollback({ revision, ...options })))
  policy
    .command('renew')
    .description('sign what is in force anew, before it is too old to be served')
    .addOption(jsonOption())
    .addOption(stateDirOption())
    .action(async (options) => done(await actions.policyRenew(options)))
}

const ORDERS = [
  ['pause', 'keep the rollout where it is'],
  ['resume', 'go on with a paused rollout'],
  ['abort', 'end the rollout: what was in force is so everywhere again'],
] as const

const jsonOption = () => new Option('--json', 'the answer as JSON').default(false, 'lines for people')

function revisionOf(text: string): string {
  if (!/^[0-9a-f]{16}$/.test(text)) throw new InvalidArgumentError('is not a revision: 16 hex digits; aegis policy history lists them')
  return text
}

const revisionOrTree = (text: string) => (text === '.' ? text : revisionOf(text))
const sideOf = (text: string) => (text === 'active' ? text : revisionOrTree(text))

function percentOf(text: string): number {
  const percent = Number(text)
  if (!/^\d{1,3}(\.\d{1,3})?$/.test(text) || percent > 100) throw new InvalidArgumentError('must be a percentage from 0 to 100')
  return percent
}
