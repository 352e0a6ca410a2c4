import type { ObjectArchive } from '../../model/ports.ts'
import { LEDGER_PREFIX, ledgerKey, openLedger } from './ledger.ts'
import type { PlaneState } from './plane-state.ts'
import { shelfKey } from './shelf.ts'

/** Everything beside the ledger, which goes first: an entry may name any of it. */
const FOLDERS = ['objects/', 'modules/', 'revisions/']
const COPIED_AT_ONCE = 16

/** There is nothing to begin with: to go on without it would be a control plane without tenants, over regions that have some. */
export class NothingCopiedError extends Error {
  override name = 'NothingCopiedError'
  constructor() {
    super('the copy has no entry of a ledger that can be used; see whether anything was ever copied into it')
  }
}

/**
 * Fills the store of a control plane that is rebuilt from the copy of another one's. A copy is made object by object in no order, so its end
 * may have gaps: taken over is the ledger up to the last entry before the first gap that names nothing missing. What was decided after it has
 * to be decided again. It can be repeated at any time, and by two processes at once: once an own entry was written nothing more is taken over.
 * @throws NothingCopiedError when neither has an entry
 * @returns how many entries the store has by it, and how many of the copy were left
 */
export async function seedStore(copy: ObjectArchive, store: ObjectArchive): Promise<{ entries: number; left: number }> {
  const there = await copy.list(LEDGER_PREFIX)
  const usable = await usableEntries(copy, there)
  const own = await store.list(LEDGER_PREFIX)
  if (usable === 0 && own.length === 0) throw new NothingCopiedError()
  const last = own.at(-1)
  const left = there.length - usable
  if (own.length >= usable || (last !== undefined && !(await isSame(copy, store, last)))) return { entries: own.length, left }
  for (const folder of FOLDERS) await copyAll(copy, store, await copy.list(folder))
  for (let n = own.length + 1; n <= usable; n++) {
    const key = ledgerKey(n)
    // In order, and never past an entry that is another: a ledger is one line.
    if (!(await copyOne(copy, store, key)) && !(await isSame(copy, store, key))) return { entries: n, left }
  }
  return { entries: usable, left }
}

/** Entries up to the first gap whose last one names nothing that is missing. */
async function usableEntries(copy: ObjectArchive, keys: readonly string[]): Promise<number> {
  const gap = keys.findIndex((key, index) => key !== ledgerKey(index + 1))
  const held = new Set(await copy.list('objects/'))
  const revisions = new Set(await copy.list('revisions/'))
  const ledger = openLedger(copy)
  for (let n = gap === -1 ? keys.length : gap; n > 0; n--) {
    const [entry] = await ledger.read(n - 1, 1)
    if (
      entry !== undefined &&
      objectsIn(entry.state).every((key) => held.has(key)) &&
      revisionsIn(entry.state).every((key) => revisions.has(key))
    )
      return n
  }
  return 0
}

function objectsIn({ active, rollout, directory, signedDirectories }: PlaneState): string[] {
  const releases = [active, rollout?.release].flatMap((release) => Object.values(release?.zones ?? {}))
  return [
    ...releases.flatMap(({ bundle, rego }) => [bundle, rego]),
    ...Object.values(signedDirectories?.zones ?? {}),
    ...(directory === null ? [] : [directory.digest]),
  ].map(shelfKey)
}

function revisionsIn({ active, rollout }: PlaneState): string[] {
  return [active?.revision, rollout?.revision].filter((revision) => revision !== undefined).map((revision) => `revisions/${revision}.json`)
}

async function copyAll(copy: ObjectArchive, store: ObjectArchive, keys: readonly string[]): Promise<void> {
  for (let from = 0; from < keys.length; from += COPIED_AT_ONCE)
    await Promise.all(keys.slice(from, from + COPIED_AT_ONCE).map((key) => copyOne(copy, store, key)))
}

/** @returns false when the store had one already */
async function copyOne(copy: ObjectArchive, store: ObjectArchive, key: string): Promise<boolean> {
  const bytes = await copy.get(key)
  if (bytes === undefined) throw new Error(`${key} is listed in the copy and cannot be read`)
  return store.create(key, bytes)
}

async function isSame(copy: ObjectArchive, store: ObjectArchive, key: string): Promise<boolean> {
  const [there, here] = await Promise.all([copy.get(key), store.get(key)])
  return there !== undefined && here !== undefined && Buffer.compare(there, here) === 0
}
