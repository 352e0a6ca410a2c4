import type { ObjectStore } from '../../model/ports.ts'
import { TrustError } from '../../policy/trust.ts'

/** A store did not answer, or has not got the object yet: at the next look it may. */
export class Unreachable extends Error {
  override name = 'Unreachable'
}

/** @throws Unreachable */
export async function fetched(objects: Pick<ObjectStore, 'get'>, key: string): Promise<Uint8Array> {
  const bytes = await objects.get(key).catch((cause) => {
    throw new Unreachable(`${key} could not be read from this region's bucket: ${cause}`, { cause })
  })
  if (bytes === undefined) throw new Unreachable(`${key} is not in this region's bucket`)
  return bytes
}

/** Why a bundle or directory is not used, in the words of logs and reports. */
export interface Refusal {
  /** A TrustFault, `unreachable`, or `failed` for a module that does not load or answers a smoke call otherwise. */
  fault: string
  detail: string
  /** It may pass by itself, so it is tried again. What is wrong stays wrong. */
  passing: boolean
}

export function refusalOf(error: unknown): Refusal {
  const detail = error instanceof Error ? error.message : String(error)
  if (error instanceof TrustError) return { fault: error.code, detail, passing: error.code === 'not_yet_valid' }
  if (error instanceof Unreachable) return { fault: 'unreachable', detail, passing: true }
  return { fault: 'failed', detail, passing: false }
}
