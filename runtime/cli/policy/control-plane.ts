import type { z } from 'zod'
import { findControlPlane } from '../deployed.ts'
import { CommandError, EXIT } from '../exit-codes.ts'
import { findFabric } from '../fabric-client.ts'
import { askControlPlaneAs, operatorToken, type Refusal } from '../operator-client.ts'
import { localPath, type SourceFolders } from './sources.ts'

/** One question to the control plane, and the shape of its answer. */
export interface Question<T> {
  /** Whose token it is asked with. The author's where there is one; else the publisher is asked to be the author too. */
  as: 'viewer' | 'author' | 'publisher'
  method: 'GET' | 'POST'
  path: string
  body?: object
  answer: z.ZodType<T>
  /** What it is for, as it stands in `... was refused`. */
  doing: string
  timeoutMs?: number
}

/** `fields`: the answer as it came, for `--json`. */
export interface Told<T> {
  value: T
  fields: unknown
}

/** @throws RefusedError; NoAnswerError; CommandError when no fabric runs or the answer is of another shape */
export type Ask = <T>(question: Question<T>) => Promise<Told<T>>

/** The state folder is read for every question: tokens there are renewed while a command watches for hours. */
export function askingIn(stateDir: string, folders: SourceFolders): Ask {
  return async ({ as, answer, doing, ...order }) => {
    const { control_plane, tokenOf } = findControlPlane(stateDir) ?? ofFabric(stateDir)
    const reply = await askControlPlaneAs({ control_plane }, { ...order, token: tokenOf(as) })
    if (!reply.ok) throw new RefusedError(doing, reply, folders)
    const parsed = answer.safeParse(reply.fields)
    if (!parsed.success) throw misunderstood(doing, parsed.error)
    return { value: parsed.data, fields: reply.fields }
  }
}

/** The fabric has a person of each role. */
function ofFabric(stateDir: string) {
  const fabric = findFabric(stateDir)
  const tokenOf = (as: Question<unknown>['as']) =>
    operatorToken(fabric, as === 'author' && fabric.operator_tokens?.author === undefined ? 'publisher' : as)
  return { control_plane: fabric.control_plane, tokenOf }
}

/** The control plane said no. Faults of a policy come first, a line each, in the form that editors follow. */
export class RefusedError extends CommandError {
  override name = 'RefusedError'
  readonly refusal: Refusal
  /** HTTP status. */
  readonly status: number
  constructor(doing: string, { refusal, status }: { refusal: Refusal; status: number }, folders: SourceFolders) {
    const { code, message, faults = [] } = refusal
    const what = faults.length > 0 ? `${faults.length} ${faults.length === 1 ? 'fault' : 'faults'}` : message
    const hint = HINTS[code] === undefined ? '' : `; ${HINTS[code]}`
    const line = `${doing} was refused: ${code}: ${what}${hint}`.replaceAll(/\s*\n\s*/g, ' ')
    super(
      line,
      EXIT.failed,
      faults.map((fault) => faultLine(fault, folders)),
    )
    this.refusal = refusal
    this.status = status
  }
}

const HINTS: Readonly<Record<string, string>> = {
  policy_refused: 'what is in force stays in force',
  publish_conflict: 'look at the difference (npm run policy -- diff), then publish again',
  rollout_in_progress: 'npm run policy -- status shows it, npm run policy -- abort ends it',
  author_is_publisher: 'another person rolls it out: npm run policy -- publish --revision',
}

function faultLine({ file, line, column, path, message }: NonNullable<Refusal['faults']>[number], folders: SourceFolders): string {
  return `${localPath(file, folders)}:${line}:${column}: ${path === '' ? '' : `${path}: `}${message}`
}

function misunderstood(doing: string, error: z.ZodError): CommandError {
  const [issue] = error.issues
  const where = issue === undefined ? '' : `: ${issue.path.join('.') || 'the whole'}: ${issue.message}`
  return new CommandError(`the control plane's answer to ${doing} is of another shape${where}; is it of another version?`, EXIT.failed)
}
