import { z } from 'zod'
import { type GivenVoucher, isBalanced, type Lease, type Slice } from './slice.ts'

/**
 * @param item a slice as DynamoDB has it
 * @throws when it is malformed, or its books do not add up: nothing may be spent from such a slice
 */
export function parseSlice(item: unknown): Slice {
  const parsed = sliceItem.safeParse(item)
  if (!parsed.success) throw new Error(`a slice is malformed: ${z.prettifyError(parsed.error)}`)
  const { directory_seq: directorySeq, free_units: free, leases, redeemed, vouchers, ...amounts } = parsed.data
  const slice = {
    ...amounts,
    free,
    directorySeq,
    leases: new Map(Object.entries(leases)),
    redeemed: new Map(Object.entries(redeemed)),
    vouchers: new Map(Object.entries(vouchers)),
  }
  if (!isBalanced(slice)) throw new Error('a slice is malformed: its books do not add up')
  return slice
}

const natural = z
  .object({ N: z.string() })
  .transform(({ N }) => Number(N))
  .refine((n) => Number.isSafeInteger(n) && n >= 0, 'is not a natural number')
const map = <T>(value: z.ZodType<T>) => z.object({ M: z.record(z.string(), value) }).transform(({ M }) => M)

const lease = z
  .object({ M: z.object({ seq: natural, held: natural, spent: natural, beat_ms: natural }) })
  .transform(({ M: { beat_ms: beatMs, ...rest } }): Lease => ({ ...rest, beatMs }))

const voucher = z
  .object({ M: z.object({ to: z.object({ S: z.string() }), amount: natural, sent: z.object({ BOOL: z.boolean() }) }) })
  .transform(({ M: { to, amount, sent } }): GivenVoucher => ({ to: to.S, amount, sent: sent.BOOL }))

const sliceItem = z.object({
  granted: natural,
  directory_seq: natural,
  free_units: natural,
  shortfall: natural,
  received: natural,
  given: natural,
  leases: map(lease),
  redeemed: map(natural),
  vouchers: map(voucher),
})
