import { z } from 'zod'
import { rolloutState } from '../rollout/rollout.ts'
import { signedRelease } from './signed-release.ts'

/** What the control plane has decided so far. Small: what is large stands beside it by digest. */
export const planeState = z.strictObject({
  /** The highest sequence number that was ever given to a bundle or directory. */
  seq: z.int().min(0),
  /** What every region serves that no rollout has moved on. Null before the first publication. */
  active: signedRelease.nullable(),
  /** The revision that was active before: what a rollback goes back to. */
  previous: z.string().nullable(),
  rollout: rolloutState.nullable(),
  /** The last one that ended. */
  lastRollout: rolloutState.nullable(),
  /** What operators have said of tenants, clients and so on: its version, and the SHA-256 of the object that holds it. */
  directory: z.strictObject({ version: z.int().min(0), digest: z.string() }).nullable(),
  /** The directories that were signed last. */
  signedDirectories: z
    .strictObject({
      seq: z.int().min(1),
      keyId: z.string(),
      signedAtMs: z.int(),
      notAfterMs: z.int(),
      /** SHA-256 of what they say beside number and dates: another one means that they are signed anew. */
      contents: z.string(),
      /** By zone: SHA-256 of the object. */
      zones: z.record(z.string(), z.string()),
    })
    .nullable(),
})
export type PlaneState = z.output<typeof planeState>

/**
 * A bundle that is only to be replayed is signed under this number, which everything that is to be served is above: so in a region that has ever
 * served anything it can never be activated, whoever moves a pointer to it.
 */
export const REPLAY_SEQ = 1

export const EMPTY_STATE: PlaneState = {
  seq: REPLAY_SEQ,
  active: null,
  previous: null,
  rollout: null,
  lastRollout: null,
  directory: null,
  signedDirectories: null,
}
