import type { RunningFabric } from '../../runtime/cli/fabric-client.ts'
import { PACE } from '../../runtime/cli/policy/watch.ts'
import type { Sources } from '../../runtime/policy/sources.ts'

/** What the control plane of a running fabric says of a rollout. */
export interface ShownRollout {
  id: string
  revision: string
  state: 'running' | 'paused' | 'completed' | 'aborted' | 'rolled_back'
  stage: string | null
  done: string[]
  why: string | null
  evidence: Record<string, number>
}

export interface ShownStatus {
  revision: string | null
  seq: number | null
  converged: boolean
  rollout: ShownRollout | null
  last_rollout: ShownRollout | null
}

/** The API of a running control plane, as the commands use it. @throws Error with the refusal */
export async function askPlane<T>(
  { control_plane, operator_tokens }: RunningFabric,
  role: 'author' | 'publisher' | 'viewer',
  path: string,
  body?: object,
): Promise<T> {
  const headers = { authorization: `Bearer ${operator_tokens?.[role]}`, 'content-type': 'application/json' }
  const answer = await fetch(
    `${control_plane}${path}`,
    body === undefined ? { headers } : { method: 'POST', headers, body: JSON.stringify(body) },
  )
  const text = await answer.text()
  if (!answer.ok) throw new Error(`${path}: ${answer.status} ${text}`)
  return JSON.parse(text) as T
}

export const planeStatus = (fabric: RunningFabric) => askPlane<ShownStatus>(fabric, 'viewer', '/v1/status')

/** Registers sources and starts their rollout. @returns the revision */
export async function publishSources(fabric: RunningFabric, sources: Sources, more: object = {}): Promise<string> {
  const files = Object.fromEntries(sources)
  const { revision } = await askPlane<{ revision: string }>(fabric, 'author', '/v1/revisions', { files, reason: 'for the test' })
  await askPlane(fabric, 'publisher', '/v1/rollouts', { revision, reason: 'for the test', ...more })
  return revision
}

/** @returns how it ended; asked as often as the command asks */
export async function rolloutEnd(fabric: RunningFabric, revision: string): Promise<ShownRollout> {
  for (;;) {
    const { rollout, last_rollout: last } = await planeStatus(fabric)
    if (rollout === null && last?.revision === revision) return last
    await new Promise((resolve) => setTimeout(resolve, PACE.pollMs))
  }
}
