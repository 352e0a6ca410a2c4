import { readFileSync } from 'node:fs'
import { dirname, join, relative } from 'node:path'

const ROOT = join(import.meta.dirname, '../..')

/**
 * What the SDK's commands ask IAM for ("Actions, resources, and condition keys", Service Authorization Reference). A command that is not here makes
 * the scan throw: whoever uses it first says what it takes.
 */
export const COMMAND_ACTIONS: Readonly<Record<string, readonly string[]>> = {
  GetItemCommand: ['dynamodb:GetItem'],
  PutItemCommand: ['dynamodb:PutItem'],
  UpdateItemCommand: ['dynamodb:UpdateItem'],
  DeleteItemCommand: ['dynamodb:DeleteItem'],
  QueryCommand: ['dynamodb:Query'],
  GetObjectCommand: ['s3:GetObject'],
  PutObjectCommand: ['s3:PutObject'],
  ListObjectsV2Command: ['s3:ListBucket'],
  GetPublicKeyCommand: ['kms:GetPublicKey'],
  SignCommand: ['kms:Sign'],
  // With a SourceIdentity, which is a right of its own.
  AssumeRoleCommand: ['sts:AssumeRole', 'sts:SetSourceIdentity'],
  PublishCommand: ['sns:Publish'],
}

/** Action -> files that call it, of all that a process loads. @param entry path of its first file, from the repository's root */
export function sdkCallsOf(entry: string): Map<string, string[]> {
  const calls = new Map<string, string[]>()
  for (const file of loadedBy(join(ROOT, entry))) {
    for (const action of sdkActionsIn(readFileSync(file, 'utf8'), relative(ROOT, file)))
      calls.set(action, [...(calls.get(action) ?? []), relative(ROOT, file)])
  }
  return calls
}

/** Actions that a source text calls. @throws Error for a command that COMMAND_ACTIONS does not know */
export function sdkActionsIn(source: string, file: string): string[] {
  const commands = [...source.matchAll(/import (?!type)\{([^}]*)\} from '@aws-sdk\/(?:client|lib)-[\w-]+'/g)]
    .flatMap(([, names = '']) => names.split(','))
    .map((name) => name.trim())
    .filter((name) => /^\w+Command( as |$)/.test(name))
  // A namespace import or a client of another kind would hide its calls from this scan.
  if (/import \* as \w+ from '@aws-sdk|from '@aws-sdk\/lib-dynamodb'|await import\('@aws-sdk/.test(source))
    throw new Error(`${file}: import the SDK's commands by their names`)
  return commands.flatMap((command) => {
    const [name = ''] = command.split(' as ')
    const actions = COMMAND_ACTIONS[name]
    if (actions === undefined) throw new Error(`${file}: say in COMMAND_ACTIONS what ${name} takes`)
    return [...actions]
  })
}

/** Every file that is loaded with this one: imported, or started by `new URL`. Types are not loaded. */
function loadedBy(entry: string): Set<string> {
  const found = new Set<string>()
  const queue = [entry]
  for (let file = queue.pop(); file !== undefined; file = queue.pop()) {
    if (found.has(file)) continue
    found.add(file)
    const source = readFileSync(file, 'utf8')
    for (const [, path = ''] of source.matchAll(/(?:(?<!import type [^;'"]*)from|import|import\(|new URL\()\s*'(\.[^']+\.ts)'/g))
      queue.push(join(dirname(file), path))
  }
  return found
}
