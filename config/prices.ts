import { readdirSync, readFileSync } from 'node:fs'
import { z } from 'zod'

/** What something costs: exactly known, or somewhere between two numbers. In the currency of the list. */
export interface Price {
  readonly low: number
  readonly high: number
}

export type PriceList = z.output<typeof priceListSchema>

export class PriceError extends Error {
  override name = 'PriceError'
}

/**
 * The newest price list of a folder. A new one is a new file, so that an old estimate can be made again.
 * @throws PriceError naming the file, when there is none or it is not a price list
 */
export function loadPrices(folder: URL): PriceList {
  const newest = readdirSync(folder)
    .filter((file) => /^\d{4}-\d{2}-\d{2}\.json$/.test(file))
    .toSorted()
    .at(-1)
  if (newest === undefined) throw new PriceError(`${folder.pathname}: has no price list such as 2026-11-27.json`)
  return parsePrices(newest, readFileSync(new URL(newest, folder), 'utf8'))
}

/** @throws PriceError a line a fault, each with the path of the value */
export function parsePrices(file: string, text: string): PriceList {
  const parsed = priceListSchema.safeParse(JSON.parse(text))
  if (!parsed.success) {
    throw new PriceError(parsed.error.issues.map(({ path, message }) => `${file}: ${path.map(String).join('.')}: ${message}`).join('\n'))
  }
  if (parsed.data.date !== file.slice(0, 10)) throw new PriceError(`${file}: date: ${parsed.data.date} is not the date in the file's name`)
  return parsed.data
}

/** @throws PriceError for an item that the list does not have */
export function priceOf({ items }: PriceList, item: string, region: string): Price {
  const usd = items[item]?.usd
  const found = usd?.any ?? usd?.[region] ?? usd?.other
  if (found === undefined) throw new PriceError(`no price of ${item} in ${region}`)
  return typeof found === 'number' ? { low: found, high: found } : { low: found[0], high: found[1] }
}

const amount = z.number().nonnegative('must not be negative')
const range = z
  .tuple([amount, amount])
  .refine(([low, high]) => low < high, 'must be a lower and a higher number; one number is a price that is known')

const priceListSchema = z.strictObject({
  date: z.iso.date(),
  currency: z.literal('USD'),
  /** Where the numbers come from, and how far to trust them. */
  how: z.string().min(1),
  items: z.record(
    z.string(),
    z.strictObject({
      what: z.string().min(1),
      /** The page where the price is published. */
      source: z.url({ protocol: /^https$/, error: 'is not an https URL' }),
      usd: z
        .record(z.string(), z.union([amount, range]))
        .refine(
          (usd) => 'any' in usd !== 'other' in usd,
          'needs either `any`, for one price everywhere, or `other`, for regions not named',
        ),
    }),
  ),
})
