import { Argument, type Command, InvalidArgumentError } from 'commander'
import type { ExitCode } from './exit-codes.ts'
import { DIRECTORY_PARTS } from './operator-words.ts'
import type { Actions } from './program.ts'
import { stateDirOption, wholeOf } from './program-values.ts'

/** `aegis directory`: what the control plane keeps beside the documents in git. */
export function addDirectoryCommands(program: Command, actions: Pick<Actions, 'directory'>, done: (code: ExitCode) => void): void {
  const directory = program.command('directory').description('tenants, clients, changed budgets and bundle readers')
  const part = () => new Argument('<what>', 'kind of what is changed').choices(DIRECTORY_PARTS)

  directory
    .command('show')
    .description('what the directory says')
    .option('--json', 'as JSON', false)
    .addOption(stateDirOption())
    .action(async (options) => done(await actions.directory({ do: 'show', ...options })))
  directory
    .command('set')
    .description('put a tenant, client, budget or reader there, or in place of the one that is there')
    .addArgument(part())
    .argument('<id>', 'tenant, agent or reader')
    .requiredOption('--json <fields>', 'its fields as JSON, as in tenants.yaml and clients.yaml', objectOf)
    .option('--reason <text>', 'kept in the audit')
    .option('--if-version <n>', 'only if the directory still has this version (default: the one it has now)', wholeOf)
    .addOption(stateDirOption())
    .action(async (what, id, { json, ...options }) => done(await actions.directory({ do: 'set', what, id, fields: json, ...options })))
  directory
    .command('remove')
    .description('take a tenant, client, budget or reader away')
    .addArgument(part())
    .argument('<id>', 'tenant, agent or reader')
    .option('--reason <text>', 'kept in the audit')
    .option('--if-version <n>', 'only if the directory still has this version (default: the one it has now)', wholeOf)
    .addOption(stateDirOption())
    .action(async (what, id, options) => done(await actions.directory({ do: 'remove', what, id, ...options })))
  directory
    .command('changes')
    .description('who changed what, when and why')
    .option('--after <version>', 'only what came after this version', wholeOf, 0)
    .option('--json', 'as JSON', false)
    .addOption(stateDirOption())
    .action(async (options) => done(await actions.directory({ do: 'changes', ...options })))
  for (const command of directory.commands) {
    command.exitOverride().configureOutput({ outputError: () => {} })
    command.showHelpAfterError(false)
  }
}

function objectOf(text: string): object {
  try {
    const value: unknown = JSON.parse(text)
    if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value
  } catch {}
  throw new InvalidArgumentError('is not a JSON object')
}
