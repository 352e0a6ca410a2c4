import { randomUUID } from 'node:crypto'
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
  /** Of this try to write it: two that say the same are told apart by it. Entries of earlier versions have none. */
  id: z.string().optional(),
  state: planeState,
})
export type LedgerEntry = z.output<typeof entrySchema>
export type LedgerAct = Pick<LedgerEntry, 'by' | 'kind' | 'reason' | 'facts'>
/** What was done, without what held from then on. */
export type PastAct = Omit<LedgerEntry, 'state'>

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
  /** All that was ever done, oldest first. What was read once is kept: entries never change, and each costs a request. */
  acts(): Promise<readonly PastAct[]>
}

/** Objects that are read at once. */
const READ_AT_ONCE = 32

export const LEDGER_PREFIX = 'ledger/'
/** Where entry `n` stands. */
export const ledgerKey = (n: number) => `${LEDGER_PREFIX}${String(n).padStart(12, '0')}.json`

export function openLedger(store: ObjectArchive): Ledger {
  let newest: LedgerEntry | undefined
  const past: PastAct[] = []
  let reading: Promise<void> = Promise.resolve()

  const entry = async (key: string): Promise<LedgerEntry> => {
    const bytes = await store.get(key)
    if (bytes === undefined) throw new StoreDamagedError(`${key} is listed and cannot be read`)
    const parsed = entryIn(key, bytes)
    if (parsed === undefined) throw new StoreDamagedError(`${key} is no entry of the ledger`)
    return parsed
  }
  const entries = async function* (keys: readonly string[]) {
    for (let from = 0; from < keys.length; from += READ_AT_ONCE) yield* await Promise.all(keys.slice(from, from + READ_AT_ONCE).map(entry))
  }
  /** A first try may have written it without its answer having come back: then the next one finds what is our own. */
  const isOurs = async (key: string, bytes: Uint8Array) => {
    const standing = await store.get(key)
    return standing !== undefined && Buffer.compare(standing, bytes) === 0
  }
  const readPast = async () => {
    const last = past.at(-1)
    for await (const { state: _, ...act } of entries(await store.list(LEDGER_PREFIX, last && ledgerKey(last.n)))) past.push(act)
  }

  return {
    last: () => newest,
    async catchUp() {
      const after = newest === undefined ? undefined : ledgerKey(newest.n)
      const keys = await store.list(LEDGER_PREFIX, after)
      const last = keys.at(-1)
      if (last === undefined) return newest
      // An entry is created only after the one before it, so a gap is a loss.
      const expected = ledgerKey((newest?.n ?? 0) + keys.length)
      if (last !== expected)
        throw new StoreDamagedError(`the ledger ends with ${last} and has ${keys.length} entries up to it: some are missing`)
      newest = await entry(last)
      return newest
    },
    async append(act, state, atMs) {
      const next: LedgerEntry = { n: (newest?.n ?? 0) + 1, atMs, ...act, state }
      const bytes = Buffer.from(JSON.stringify(entrySchema.parse({ ...next, id: randomUUID() })))
      if (!(await store.create(ledgerKey(next.n), bytes)) && !(await isOurs(ledgerKey(next.n), bytes))) {
        throw new LedgerConflictError(`entry ${next.n} of the ledger was written by somebody else`)
      }
      newest = next
      return next
    },
    async read(after, limit) {
      const found: LedgerEntry[] = []
      for await (const one of entries((await store.list(LEDGER_PREFIX, ledgerKey(after))).slice(0, limit))) found.push(one)
      return found
    },
    async acts() {
      // One after the other: two at once would both add what is new.
      reading = reading.catch(() => {}).then(readPast)
      await reading
      return [...past]
    },
  }
}

/** The entry that stands at `key`; undefined when these bytes are none. */
export function entryIn(key: string, bytes: Uint8Array): LedgerEntry | undefined {
  const { data } = entrySchema.safeParse(jsonOf(bytes))
  return data !== undefined && ledgerKey(data.n) === key ? data : undefined
}

function jsonOf(bytes: Uint8Array): unknown {
  try {
    return JSON.parse(Buffer.from(bytes).toString())
  } catch {
    return undefined
  }
}
