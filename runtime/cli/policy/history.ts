import { EXIT, type ExitCode } from '../exit-codes.ts'
import { type Revision, revisionsAnswer } from './answers.ts'
import { askingIn } from './control-plane.ts'
import { shortCommit } from './register.ts'
import { ownFolders, type SourceFolders } from './sources.ts'
import { instant } from './span.ts'
import { STATUS } from './watch.ts'
import { wrap } from './wrap.ts'

export interface HistoryOptions {
  stateDir: string
  /** Revisions. */
  limit: number
  json: boolean
}

/** `aegis policy history`: revisions and what became of them, newest first. */
export async function policyHistory(
  { stateDir, limit, json }: HistoryOptions,
  { out, columns, folders = ownFolders() }: { out: (line: string) => void; columns: number; folders?: SourceFolders },
): Promise<ExitCode> {
  const ask = askingIn(stateDir, folders)
  const path = `/v1/revisions?limit=${limit}`
  const { value, fields } = await ask({ as: 'viewer', method: 'GET', path, answer: revisionsAnswer, doing: 'listing revisions' })
  if (json) {
    out(JSON.stringify(fields))
    return EXIT.held
  }
  const active = (await ask(STATUS)).value.revision
  for (const line of historyLines(value.revisions, { active, columns })) out(line)
  return EXIT.held
}

export function historyLines(revisions: readonly Revision[], { active, columns }: { active: string | null; columns: number }): string[] {
  if (revisions.length === 0) return ['no revision is registered yet']
  return revisions.flatMap(({ revision, at, author, commit, reason, rollouts }) => {
    const of = commit === null || commit === undefined ? '' : `, commit ${shortCommit(commit)}`
    return [
      ...wrap(`${revision}  `, `${instant(at)} by ${author}${of}${revision === active ? ', IN FORCE' : ''}`, columns),
      ...wrap(INDENT, reason, columns),
      ...[...rollouts].sort((a, b) => (b.seq ?? 0) - (a.seq ?? 0)).flatMap((one) => wrap(`${INDENT}rollout `, rolloutText(one), columns)),
    ]
  })
}

const INDENT = ' '.repeat(18)

function rolloutText({ id, seq, publisher, state }: Revision['rollouts'][number]): string {
  return `${id}${seq === null ? '' : `, seq ${seq}`}, by ${publisher}: ${state.replace('_', ' ')}`
}
