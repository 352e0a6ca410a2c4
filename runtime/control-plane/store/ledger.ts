import { z } from 'zod'
import type { ObjectArchive } from '../../model/ports.ts'
import { type PlaneState, planeState } from './plane-state.ts'

/** One thing that was done, by whom and why, with everything that held from then on. Never changed. */
const entrySchema = z.strictObject({
  n: z.int().min(1),
  atMs: z.int().min(0),
  /** `sub` of the operator; null: the control plane itself. */
  by: z.string().nullable(),
  /** `published`, `stage`, `aborted`, `directory_changed`, ... */
  kind: z.string().min(1),
  reason: z.string().nullable(),
  facts: z.record(z.string(), z.unknown()),
  state: planeState,
})
export type LedgerEntry = z.output<typeof entrySchema>
export type LedgerAct = Pick<LedgerEntry, 'by' | 'kind' | 'reason' | 'facts'>

/** Somebody else has written first: what was about to be done was decided on what no longer holds. */
export class LedgerConflictError extends Error {
  override name = 'LedgerConflictError'
}

/** Something in the store is not what was put there. */
export class StoreDamagedError extends Error {
  override name = 'StoreDamagedError'
}

/**
 * The history of the control plane, and by its last entry its state: a line of objects, each of which can be created once. So of two
 * operators, or two processes, that act at once one comes first and the other hears of it; and nobody can rewrite what was.
 */
export interface Ledger {
  /** The newest entry that is known here. Undefined before the first. */
  last(): LedgerEntry | undefined
  /** Reads what others have written since. @throws StoreDamagedError */
  catchUp(): Promise<LedgerEntry | undefined>
  /** Adds an entry after the newest that is known here. @throws LedgerConflictError when another stands there */
  append(act: LedgerAct, state: PlaneState, atMs: number): Promise<LedgerEntry>
  /** Entries after number `after`, oldest first, at most `limit`. */
  read(after: number, limit: number): Promise<LedgerEntry[]>
}

const PREFIX = 'ledger/'
const keyOf = (n: number) => `${PREFIX}${String(n).padStart(12, '0')}.json`

export function openLedger(store: ObjectArchive): Ledger {
  let newest: LedgerEntry | undefined

  const entry = async (key: string): Promise<LedgerEntry> => {
    const bytes = await store.get(key)
    if (bytes === undefined) throw new StoreDamagedError(`${key} is listed and cannot be read`)
    const parsed = entrySchema.safeParse(jsonOf(bytes))
    if (!parsed.success || keyOf(parsed.data.n) !== key) throw new StoreDamagedError(`${key} is no entry of the ledger`)
    return parsed.data
  }

  return {
    last: () => newest,
    async catchUp() {
      const after = newest === undefined ? undefined : keyOf(newest.n)
      const keys = await store.list(PREFIX, after)
      const last = keys.at(-1)
      if (last === undefined) return newest
      // An entry is created only after the one before it, so a gap is a loss.
      const expected = keyOf((newest?.n ?? 0) + keys.length)
      if (last !== expected)
        throw new StoreDamagedError(`the ledger ends with ${last} and has ${keys.length} entries up to it: some are missing`)
      newest = await entry(last)
      return newest
    },
    async append(act, state, atMs) {
      const next: LedgerEntry = { n: (newest?.n ?? 0) + 1, atMs, ...act, state }
      if (!(await store.create(keyOf(next.n), Buffer.from(JSON.stringify(entrySchema.parse(next)))))) {
        throw new LedgerConflictError(`entry ${next.n} of the ledger was written by somebody else`)
      }
      newest = next
      return next
    },
    async read(after, limit) {
      const keys = (await store.list(PREFIX, keyOf(after))).slice(0, limit)
      return Promise.all(keys.map(entry))
    },
  }
}

function jsonOf(bytes: Uint8Array): unknown {
  try {
    return JSON.parse(Buffer.from(bytes).toString())
  } catch {
    return undefined
  }
}
