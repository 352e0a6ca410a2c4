import { z } from 'zod'
import type { ObjectArchive } from '../../model/ports.ts'
import { sha256 } from '../../policy/file-hashes.ts'
import type { Modules } from '../../policy/modules.ts'
import type { Sources } from '../../policy/sources.ts'
import { StoreDamagedError } from './ledger.ts'
import type { Shelf } from './shelf.ts'

const digest = z.string().regex(/^[0-9a-f]{64}$/)

/** What is kept of a revision for good: who wrote it and why, what it was checked by, and its every source. */
const recordSchema = z.strictObject({
  revision: z.string(),
  author: z.string(),
  atMs: z.int().min(0),
  reason: z.string(),
  /** Of the author's clone, where there was one. */
  commit: z.string().nullable(),
  checks: z.array(z.strictObject({ name: z.string(), ok: z.literal(true), detail: z.string() })),
  /** Object that holds the sources: text by path. */
  sources: digest,
  /** What its modules were made from. */
  modules: z.string(),
})
export type RevisionRecord = z.output<typeof recordSchema>

const modulesSchema = z.strictObject({ checked: digest, wasm: digest, rego: z.record(z.string(), z.string()) })
const sourcesSchema = z.record(z.string(), z.string())

/** Every revision that was ever registered. Whoever registers one first is its author. */
export interface Registry {
  /** @returns what stands there: with the first author, when it is known */
  add(
    record: Omit<RevisionRecord, 'sources' | 'modules'>,
    sources: Sources,
    modules: Modules,
  ): Promise<{ record: RevisionRecord; known: boolean }>
  get(revision: string): Promise<RevisionRecord | undefined>
  /** Newest first. */
  list(limit: number): Promise<RevisionRecord[]>
  sourcesOf(record: RevisionRecord): Promise<Sources>
  /** Modules of an earlier build from the same sources. */
  modules(digest: string): Promise<Modules | undefined>
}

const PREFIX = 'revisions/'

export function openRegistry(store: ObjectArchive, shelf: Shelf): Registry {
  const known = new Map<string, RevisionRecord>()

  const get = async (revision: string): Promise<RevisionRecord | undefined> => {
    // A revision comes from a request: no other spelling of it may name another object.
    if (!/^[0-9a-f]{16}$/.test(revision)) return undefined
    const held = known.get(revision)
    if (held !== undefined) return held
    const bytes = await store.get(`${PREFIX}${revision}.json`)
    if (bytes === undefined) return undefined
    const record = parsed(bytes, recordSchema, `${PREFIX}${revision}.json`)
    known.set(revision, record)
    return record
  }

  return {
    async add(record, sources, modules) {
      const standing = await get(record.revision)
      if (standing !== undefined) return { record: standing, known: true }
      const kept = recordSchema.parse({
        ...record,
        sources: await shelf.put(jsonBytes(Object.fromEntries(sources))),
        modules: modules.digest,
      })
      const wasm = await shelf.put(modules.wasm)
      // The same module may have been checked by other tests since: the last ones count.
      await store.put(
        `modules/${modules.digest}.json`,
        jsonBytes({ checked: modules.checked, wasm, rego: Object.fromEntries(modules.rego) }),
      )
      // Last: what is listed is there as a whole.
      const first = await store.create(`${PREFIX}${record.revision}.json`, jsonBytes(kept))
      return { record: (await get(record.revision)) ?? kept, known: !first }
    },
    get,
    async list(limit) {
      const keys = await store.list(PREFIX)
      const records = await Promise.all(keys.map((key) => get(key.slice(PREFIX.length, -'.json'.length))))
      return records
        .flatMap((record) => record ?? [])
        .sort((one, other) => other.atMs - one.atMs)
        .slice(0, limit)
    },
    async sourcesOf({ sources, revision }) {
      return new Map(Object.entries(parsed(await shelf.get(sources), sourcesSchema, `the sources of ${revision}`)))
    },
    async modules(of) {
      const bytes = /^[0-9a-f]{64}$/.test(of) ? await store.get(`modules/${of}.json`) : undefined
      if (bytes === undefined) return undefined
      const { checked, wasm, rego } = parsed(bytes, modulesSchema, `modules/${of}.json`)
      return { digest: of, checked, wasm: await shelf.get(wasm), rego: new Map(Object.entries(rego)) }
    },
  }
}

const jsonBytes = (value: unknown) => Buffer.from(JSON.stringify(value))

function parsed<T>(bytes: Uint8Array, schema: z.ZodType<T>, what: string): T {
  try {
    return schema.parse(JSON.parse(Buffer.from(bytes).toString()))
  } catch (cause) {
    throw new StoreDamagedError(`${what} is not what was put there (sha256 ${sha256(bytes).slice(0, 12)})`, { cause })
  }
}
