import { z } from 'zod'

/** Text in a claim. A lone surrogate has no UTF-8, so a record with one could not be hashed (RFC 8785). */
export const claimText = z
  .string()
  .min(1)
  .max(256)
  .refine((value) => value.isWellFormed(), 'is not well-formed Unicode')
