import type { Command } from 'commander'
import type { ExitCode } from './exit-codes.ts'

/** What the words of a deploy come down to. */
export interface DeployActions {
  pin(options: { environment?: string; next?: string; replace: boolean }): Promise<ExitCode>
  preflight(options: { patterns: string[]; environment?: string }): Promise<ExitCode>
}

/** What goes before and between deploys to AWS. */
export function addDeployCommands(program: Command, actions: DeployActions, done: (code: ExitCode) => void): void {
  program
    .command('pin')
    .description('write what AWS made up (public keys, hosted zone, replicas) into config/, to be committed')
    .option('--environment <name>', 'of config/deployment.ts (default: the first)')
    .option('--next <key>', 'also pin the KMS key (id, ARN or alias) that will sign next')
    .option('--replace', 'drop what is pinned and not there any more', false)
    .action(async (options) => done(await actions.pin(options)))
  program
    .command('preflight')
    .description('whether stacks can be deployed now, and if not, what to do first')
    .argument('[stacks...]', 'names, with * and ? (default: every stack)')
    .option('--environment <name>', 'of config/deployment.ts (default: the first)')
    .action(async (patterns, options) => done(await actions.preflight({ patterns, ...options })))
}
