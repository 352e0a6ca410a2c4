import { CommandError, EXIT, type ExitCode } from '../exit-codes.ts'
import { diffAnswer } from './answers.ts'
import { type Ask, askingIn, type Told } from './control-plane.ts'
import { diffLines } from './diff-lines.ts'
import { withJsonRefusal } from './json-refusal.ts'
import { register } from './register.ts'
import { ownFolders, readSources, type SourceFolders } from './sources.ts'
import { STATUS } from './watch.ts'

/** A revision, the one in force, or the working tree. */
export type Side = string
export const ACTIVE = 'active'
export const TREE = '.'

export interface DiffOptions {
  stateDir: string
  from: Side
  to: Side
  patch: boolean
  json: boolean
}

/** `aegis policy diff`: what a change means, in words. */
export async function policyDiff(
  { stateDir, from, to, patch, json }: DiffOptions,
  { out, columns, folders = ownFolders() }: { out: (line: string) => void; columns: number; folders?: SourceFolders },
): Promise<ExitCode> {
  if (from === to) throw new CommandError(`${from} is compared with itself; name two revisions, ${ACTIVE} or ${TREE} (the working tree)`)
  const ask = askingIn(stateDir, folders)
  const { value, fields } = await withJsonRefusal(json, out, () => compared(ask, folders, from, to))
  if (json) out(JSON.stringify(fields))
  else for (const line of diffLines(value, { from: shown(from, value.from), to: shown(to, value.to), patch, columns })) out(line)
  return EXIT.held
}

type Answer = Told<ReturnType<typeof diffAnswer.parse>>

async function compared(ask: Ask, folders: SourceFolders, from: Side, to: Side): Promise<Answer> {
  if (from === ACTIVE && to === TREE)
    return await ask({
      as: 'author',
      method: 'POST',
      path: '/v1/diff',
      body: { files: readSources(folders) },
      answer: diffAnswer,
      doing: 'comparing the policy of this clone',
    })
  const [a, b] = [await revisionOf(ask, folders, from), to === ACTIVE ? undefined : await revisionOf(ask, folders, to)]
  const path = `/v1/diff?from=${a}${b === undefined ? '' : `&to=${b}`}`
  return await ask({ as: 'viewer', method: 'GET', path, answer: diffAnswer, doing: `comparing ${a} with ${b ?? 'what is in force'}` })
}

/** A working tree has to be a revision to be compared with any but the active one; being registered changes nothing anywhere. */
async function revisionOf(ask: Ask, folders: SourceFolders, side: Side): Promise<string> {
  if (side === TREE) return (await register(ask, folders)).revision
  if (side !== ACTIVE) return side
  const { revision } = (await ask(STATUS)).value
  if (revision === null) throw new CommandError('nothing is in force yet, so there is nothing to compare with', EXIT.failed)
  return revision
}

function shown(side: Side, revision: string | null | undefined): string {
  const name = side === TREE ? 'the working tree' : side === ACTIVE ? 'in force' : undefined
  if (name === undefined) return side
  return revision === null || revision === undefined ? name : `${revision} (${name})`
}
