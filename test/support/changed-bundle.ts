import { createHash } from 'node:crypto'
import type { JsonObject } from '../../runtime/model/call.ts'
import { builtWasm } from '../../runtime/policy/build.ts'
import { packBundle } from '../../runtime/policy/bundle.ts'
import type { BundleData } from '../../runtime/policy/bundle-data.ts'
import { bundleData } from '../../runtime/policy/documents.ts'
import { documents, type TestTrust, testSigner } from './gateway.ts'

export interface ChangedBundle {
  bytes: Uint8Array
  digest: string
  revision: string
}

export interface Change {
  zone: string
  edit?: (data: BundleData) => void
  wasm?: Uint8Array
  nowMs?: number
}

/** A signed bundle of the demo's documents in which something is otherwise: what a candidate looks like. */
export async function changedBundle(
  trust: TestTrust,
  { zone, edit, wasm = builtWasm(), nowMs = Date.now() }: Change,
): Promise<ChangedBundle> {
  const data = structuredClone(bundleData(documents, zone))
  edit?.(data)
  const revision = createHash('sha256').update(JSON.stringify(data)).digest('hex').slice(0, 16)
  const contents = { data, revision, seq: 2, zone, notBeforeMs: nowMs - 60_000, notAfterMs: nowMs + 3_600_000 }
  const bytes = await packBundle({ wasm, ...contents }, testSigner(trust.control))
  return { bytes, digest: createHash('sha256').update(bytes).digest('hex'), revision }
}

/** The compiled policy of an agent, to be edited in place. */
// biome-ignore lint/suspicious/noExplicitAny: tests reach into compiled policies field by field
export function policyIn(data: BundleData, agent: string): any {
  const found = data.aegis.agents[agent]
  if (found === undefined) throw new Error(`no agent ${agent}`)
  return found.policy as JsonObject
}
