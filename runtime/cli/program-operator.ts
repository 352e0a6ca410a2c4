import { Argument, type Command, Option } from 'commander'
import type { ExitCode } from './exit-codes.ts'
import { APPROVERS, KILL_SCOPES } from './operator-words.ts'
import type { Actions } from './program.ts'
import { countOf, stateDirOption } from './program-values.ts'

/** What operators do: explain, approve, kill, lift, promote. */
export function addOperatorCommands(program: Command, actions: Actions, done: (code: ExitCode) => void): void {
  program
    .command('explain')
    .description('why a decision came out as it did, and what would have changed it')
    .argument('<decision-id>')
    .option('--region <region>', 'where it was made (default: every region is asked)')
    .option('--at <time>', 'about when, as its record says: finds it faster among many')
    .option('--json', 'as JSON, one line', false)
    .addOption(stateDirOption())
    .action(async (id, options) => done(await actions.explain({ id, ...options })))
  program
    .command('approvals')
    .description('what waits for a person')
    .option('--region <region>', 'of this region only')
    .addOption(stateDirOption())
    .action(async (options) => done(await actions.approvals(options)))
  program
    .command('approve')
    .description("a person's answer to one paused call")
    .argument('<approval-id>')
    .addOption(new Option('--as <who>', 'in whose name').choices(APPROVERS).default('approver'))
    .option('--reject', 'instead of approving', false)
    .option('--legal-basis <text>', 'for an export: on what ground the data may leave')
    .addOption(new Option('--record-limit <n>', 'for an export: most records that may leave').argParser(countOf))
    .option('--reason <text>', 'kept with the decision')
    .addOption(stateDirOption())
    .action(async (id, options) => done(await actions.approve({ id, ...options })))
  program
    .command('kill')
    .description('stop something in every region, until it is lifted')
    .addArgument(new Argument('<what>', 'kind of what is stopped').choices(KILL_SCOPES))
    .argument('<id>')
    .option('--reason <text>', 'kept with the kill switch', 'by the command line')
    .option('--region <region>', 'throw it at this region (default: the first that answers)')
    .addOption(stateDirOption())
    .action(async (type, id, options) => done(await actions.kill({ type, id, ...options })))
  program
    .command('kills')
    .description('kill switches that are thrown')
    .option('--region <region>', 'as this region knows them (default: the first that answers)')
    .addOption(stateDirOption())
    .action(async (options) => done(await actions.kills(options)))
  program
    .command('lift')
    .description('have the control plane lift a kill switch')
    .argument('<kill-id>')
    .option('--reason <text>', 'kept with the lift', 'by the command line')
    .addOption(stateDirOption())
    .action(async (id, options) => done(await actions.lift({ id, ...options })))
  program
    .command('promote')
    .description('have another region serve a tenant that is bound to one region')
    .argument('<tenant>')
    .requiredOption('--region <region>', 'the region that is to serve it')
    .option('--home-lost', 'the region that serves it now is lost for good: do not ask it to release the tenant', false)
    .addOption(stateDirOption())
    .action(async (tenant, options) => done(await actions.promote({ tenant, ...options })))
}
