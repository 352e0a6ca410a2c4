import { z } from 'zod'

/** One line of a person's own words: bounded, and with nothing in it that is not seen. */
export function line(max: number) {
  return z
    .string()
    .min(1)
    .max(max)
    .refine((text) => !/[\p{C}\p{Zl}\p{Zp}]/u.test(text), 'has characters that are not seen')
}
