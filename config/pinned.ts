import { existsSync, readFileSync } from 'node:fs'
import type { z } from 'zod'
import { environmentSchema } from './environment.ts'

/**
 * What AWS made up, or what there is in AWS, and the templates must know: written by `aegis pin` into `config/pinned/<environment>.json`, reviewed and
 * committed. The same keys as in an environment of `deployment.ts`.
 */
export type Pinned = z.output<typeof pinnedSchema>

const pinnedSchema = environmentSchema.pick({ hostedZoneId: true, controlZone: true, deployedReplicas: true })

/** Why a file is not what `aegis pin` writes, or says something else than `deployment.ts`. One line a fault, each with the file's path. */
export class PinnedError extends Error {
  override name = 'PinnedError'
  constructor(path: string, faults: readonly string[]) {
    super(faults.map((fault) => `${path}: ${fault}`).join('\n'))
  }
}

/** What is pinned of an environment. Without a file: nothing. @param folder path of `config/pinned` @throws PinnedError */
export function loadPinned(folder: string, environment: string): Pinned {
  const path = pinnedPath(folder, environment)
  if (!existsSync(path)) return {}
  const parsed = pinnedSchema.safeParse(parseJson(path, readFileSync(path, 'utf8')))
  if (parsed.success) return parsed.data
  throw new PinnedError(
    path,
    parsed.error.issues.flatMap((issue) => {
      if (issue.code === 'unrecognized_keys') return issue.keys.map((key) => `${key}: unknown key`)
      return [`${issue.path.map(String).join('.') || 'the file'}: ${issue.message}`]
    }),
  )
}

export function pinnedPath(folder: string, environment: string): string {
  return `${folder}/${environment}.json`
}

/**
 * An environment with what is pinned of it. What stands in both places must be the same: of two truths nobody could say which one the templates have.
 * @throws PinnedError
 */
export function withPinned<T extends Pinned>(environment: T, pinned: Pinned, path: string): T {
  const faults = (Object.keys(pinned) as (keyof Pinned)[])
    .filter((key) => environment[key] !== undefined && JSON.stringify(environment[key]) !== JSON.stringify(pinned[key]))
    .map(
      (key) =>
        `${key}: ${shown(pinned[key])} is not what config/deployment.ts says, ${shown(environment[key])}; take it out there, then pin once more`,
    )
  if (faults.length > 0) throw new PinnedError(path, faults)
  return { ...environment, ...pinned }
}

const shown = (value: unknown) => (typeof value === 'string' ? value : JSON.stringify(value))

function parseJson(path: string, text: string): unknown {
  try {
    return JSON.parse(text)
  } catch (error) {
    throw new PinnedError(path, [`is not JSON: ${(error as Error).message}`])
  }
}
