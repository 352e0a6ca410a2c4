import { z } from 'zod'

const digest = z.string().regex(/^[0-9a-f]{64}$/)

/** One revision under one sequence number: a bundle for each zone, and beside it one for other OPAs. */
export const signedRelease = z.strictObject({
  revision: z.string(),
  seq: z.int().min(1),
  /** Id of the key that signed: another one in its place means that all is signed anew, so that this one can leave the trust root. */
  keyId: z.string(),
  /** Milliseconds since the epoch. */
  signedAtMs: z.int().min(0),
  notAfterMs: z.int().min(0),
  /** SHA-256 of the objects, by zone. */
  zones: z.record(z.string(), z.strictObject({ bundle: digest, rego: digest })),
})
export type SignedRelease = z.output<typeof signedRelease>
