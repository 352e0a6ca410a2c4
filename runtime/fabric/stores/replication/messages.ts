import { z } from 'zod'
import { itemSchema } from '../tables/version-records.ts'
import { versionSchema } from './version.ts'

// What one region's stores say to another's. `from` is the sender's region.

const changeSchema = z.strictObject({ table: z.string(), key: itemSchema, version: versionSchema, image: itemSchema.nullable() })

export const messageSchema = z.discriminatedUnion('type', [
  /** Whole items, in the order in which they were written. Empty: a sign of life. */
  z.strictObject({ type: z.literal('changes'), from: z.string(), changes: z.array(changeSchema) }),
  /** Versions that the sender has. The answer names the keys whose item the receiver lacks or has an older one of. */
  z.strictObject({
    type: z.literal('offer'),
    from: z.string(),
    table: z.string(),
    entries: z.array(z.strictObject({ text: z.string(), version: versionSchema })),
  }),
])
export type Message = z.infer<typeof messageSchema>

export const answerSchema = z.strictObject({
  /** New at each start of the receiver: a new one means that it may have forgotten what it acknowledged. */
  boot: z.string(),
  /** How many of the changes it did not know yet. */
  applied: z.int(),
  /** Answer to an offer: keyTexts. */
  wanted: z.array(z.string()),
})
export type Answer = z.infer<typeof answerSchema>

/** Carries a message to a peer. Rejects if no answer came, or a refusal. */
export type Transport = (peer: string, message: Message) => Promise<Answer>
