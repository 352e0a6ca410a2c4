import type { ObjectArchive } from '../../model/ports.ts'
import { sha256 } from '../../policy/file-hashes.ts'
import { entryIn, LEDGER_PREFIX, ledgerKey, StoreDamagedError } from './ledger.ts'
import type { PlaneState } from './plane-state.ts'
import { openRegistry } from './registry.ts'
import { openShelf, shelfKey } from './shelf.ts'

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
 * to be decided again. What is not what was put there counts as missing. It can be repeated at any time, and by two processes at once: once an
 * own entry was written no further entries are taken over, and of what stands beside the ledger only what the store does not have.
 * @throws NothingCopiedError when neither has an entry
 * @returns how many entries the store has by it, and how many of the copy were left
 */
export async function seedStore(copy: ObjectArchive, store: ObjectArchive): Promise<{ entries: number; left: number }> {
  const there = await copy.list(LEDGER_PREFIX)
  const usable = await usableEntries(copy, there)
  const own = await store.list(LEDGER_PREFIX)
  if (usable === 0 && own.length === 0) throw new NothingCopiedError()
  for (const folder of FOLDERS) await copyMissing(copy, store, folder)
  const last = own.at(-1)
  const left = there.length - usable
  if (own.length >= usable || (last !== undefined && !(await isSame(copy, store, last)))) return { entries: own.length, left }
  for (let n = own.length + 1; n <= usable; n++) {
    const key = ledgerKey(n)
    // In order, and never past an entry that is another: a ledger is one line.
    if (!(await copyOne(copy, store, key)) && !(await isSame(copy, store, key))) return { entries: n, left }
  }
  return { entries: usable, left }
}

/** Entries up to the first gap whose last one names nothing that is missing. */
async function usableEntries(copy: ObjectArchive, keys: readonly string[]): Promise<number> {
  const states = await statesUpToGap(copy, keys)
  const held = new Set(await copy.list('objects/'))
  const shelf = openShelf(copy)
  const registry = openRegistry(copy, shelf)
  /** What signs a revision anew reads all of it: sources and module are copied each by itself, and may come after the record that names them. */
  const isRevisionWhole = async (revision: string) => {
    const record = await registry.get(revision)
    if (record === undefined) return false
    await registry.sourcesOf(record)
    return (await registry.modules(record.modules)) !== undefined
  }
  const isWhole = async (state: PlaneState) => {
    const digests = digestsIn(state)
    if (!digests.every((digest) => held.has(shelfKey(digest)))) return false
    try {
      for (const digest of digests) await shelf.get(digest)
      for (const revision of revisionsIn(state)) if (!(await isRevisionWhole(revision))) return false
      return true
    } catch (error) {
      if (error instanceof StoreDamagedError) return false
      throw error
    }
  }
  for (const [index, state] of [...states.entries()].reverse()) if (await isWhole(state)) return index + 1
  return 0
}

/** Of the entries before the first that is missing, or is none. */
async function statesUpToGap(copy: ObjectArchive, keys: readonly string[]): Promise<PlaneState[]> {
  const states: PlaneState[] = []
  for (let from = 0; from < keys.length; from += COPIED_AT_ONCE) {
    const some = keys.slice(from, from + COPIED_AT_ONCE)
    const read = await Promise.all(some.map((key) => copy.get(key)))
    for (const [index, key] of some.entries()) {
      const bytes = read[index]
      const entry = bytes === undefined || key !== ledgerKey(states.length + 1) ? undefined : entryIn(key, bytes)
      if (entry === undefined) return states
      states.push(entry.state)
    }
  }
  return states
}

function digestsIn({ active, rollout, directory, signedDirectories }: PlaneState): string[] {
  const releases = [active, rollout?.release].flatMap((release) => Object.values(release?.zones ?? {}))
  return [
    ...releases.flatMap(({ bundle, rego }) => [bundle, rego]),
    ...Object.values(signedDirectories?.zones ?? {}),
    ...(directory === null ? [] : [directory.digest]),
  ]
}

function revisionsIn({ active, rollout }: PlaneState): string[] {
  return [active?.revision, rollout?.revision].filter((revision) => revision !== undefined)
}

async function copyMissing(copy: ObjectArchive, store: ObjectArchive, folder: string): Promise<void> {
  const own = new Set(await store.list(folder))
  const keys = (await copy.list(folder)).filter((key) => !own.has(key))
  for (let from = 0; from < keys.length; from += COPIED_AT_ONCE)
    await Promise.all(keys.slice(from, from + COPIED_AT_ONCE).map((key) => copyOne(copy, store, key)))
}

/** @returns false when the store had one already, or it is not what its name says: the store would keep it for good */
async function copyOne(copy: ObjectArchive, store: ObjectArchive, key: string): Promise<boolean> {
  const bytes = await copy.get(key)
  if (bytes === undefined) throw new Error(`${key} is listed in the copy and cannot be read`)
  return key.startsWith('objects/') && key !== shelfKey(sha256(bytes)) ? false : store.create(key, bytes)
}

async function isSame(copy: ObjectArchive, store: ObjectArchive, key: string): Promise<boolean> {
  const [there, here] = await Promise.all([copy.get(key), store.get(key)])
  return there !== undefined && here !== undefined && Buffer.compare(there, here) === 0
}
