import { execFile } from 'node:child_process'
import type { SourceFolders } from './sources.ts'

/** Where a working tree stands in git. */
export interface Commit {
  /** Its hash; with `+changes` when files of the policy differ from it, as then the hash alone would name something else. */
  id: string
  subject: string
}

/** @returns undefined without git, or outside of a repository: neither is needed to publish */
export async function commitOf({ documents, policies }: SourceFolders): Promise<Commit | undefined> {
  const [id, subject, ...changes] = await Promise.all([
    git(documents, 'rev-parse', 'HEAD'),
    git(documents, 'log', '-1', '--format=%s'),
    ...[documents, policies].map((folder) => git(folder, 'status', '--porcelain', '--', '.')),
  ])
  if (id === undefined) return undefined
  const changed = changes.some((list) => list !== undefined && list !== '')
  return { id: changed ? `${id}+changes` : id, subject: subject ?? '' }
}

const TIMEOUT_MS = 5000

function git(folder: string, ...args: string[]): Promise<string | undefined> {
  return new Promise((resolve) => {
    execFile('git', ['-C', folder, ...args], { timeout: TIMEOUT_MS, maxBuffer: 16 * 2 ** 20 }, (error, stdout) =>
      resolve(error === null ? stdout.trim() : undefined),
    )
  })
}
