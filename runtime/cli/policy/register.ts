import { type Check, registeredAnswer } from './answers.ts'
import { commitOf } from './commit.ts'
import type { Ask } from './control-plane.ts'
import { readSources, type SourceFolders } from './sources.ts'

export interface Registered {
  revision: string
  /** It was there before. */
  known: boolean
  checks: readonly Check[]
  reason: string
  commit: string | undefined
}

/**
 * Gives the working tree to the control plane, which compiles, lints and tests it, and keeps it as a revision. That alone changes nothing
 * anywhere. @throws RefusedError with every fault
 */
export async function register(ask: Ask, folders: SourceFolders, reason?: string): Promise<Registered> {
  const files = readSources(folders)
  const commit = await commitOf(folders)
  const because = reason ?? (commit?.subject.slice(0, REASON_MAX) || BY_DEFAULT)
  const { value } = await ask({
    as: 'author',
    method: 'POST',
    path: '/v1/revisions',
    body: { files, reason: because, ...(commit !== undefined && { commit: commit.id }) },
    answer: registeredAnswer,
    doing: 'the policy of this clone',
    timeoutMs: COMPILE_TIMEOUT_MS,
  })
  return { ...value, reason: because, commit: commit?.id }
}

/** `1a2b3c4`, or `1a2b3c4 with changes`. */
export function shortCommit(id: string): string {
  const [hash = '', changes] = id.split('+')
  return changes === undefined ? hash.slice(0, 7) : `${hash.slice(0, 7)} with changes`
}

export const BY_DEFAULT = 'by the command line'
const REASON_MAX = 200
/** Changed Rego is compiled and tested by `opa`. */
const COMPILE_TIMEOUT_MS = 120_000
