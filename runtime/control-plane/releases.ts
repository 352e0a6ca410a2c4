import type { Clock } from '../model/ports.ts'
import { type Documents, documentsFrom } from '../policy/documents.ts'
import type { Modules } from '../policy/modules.ts'
import { type DirectoryState, tenantsOf } from './directory/state.ts'
import { PlaneError } from './errors.ts'
import type { PublicSigner } from './last-known.ts'
import { type ReleaseContents, type Signing, signRelease } from './signing.ts'
import type { Registry, RevisionRecord } from './store/registry.ts'
import type { Shelf } from './store/shelf.ts'
import type { SignedRelease } from './store/signed-release.ts'

export interface ReleasesOptions {
  registry: Registry
  shelf: Shelf
  signer: PublicSigner
  zones: Readonly<Record<string, readonly string[]>>
  maxAgeMs: number
  clock: Clock
}

const READ_MAX = 4

/** Revisions, ready to be signed. */
export interface Releases {
  /** @throws PlaneError not_found */
  record(revision: string): Promise<RevisionRecord>
  /** The documents of a revision beside the tenants as they are now, without clients. @throws PlaneError policy_refused when they no longer fit */
  documents(revision: string, directory: DirectoryState): Promise<Documents>
  /** Signs a revision under a number. @param maxAgeMs default: that of everything signed */
  sign(revision: string, directory: DirectoryState, seq: number, maxAgeMs?: number): Promise<SignedRelease>
  signing(seq: number): Signing
}

export function createReleases({ registry, shelf, signer, zones, maxAgeMs, clock }: ReleasesOptions): Releases {
  const signing = (seq: number): Signing => ({ signer, shelf, zones: Object.keys(zones), nowMs: clock.now(), maxAgeMs, seq })
  const record = async (revision: string) => {
    const found = await registry.get(revision)
    if (found === undefined) throw new PlaneError('not_found', `there is no revision ${revision}; aegis policy history lists them`)
    return found
  }
  /** They are asked for all the time, and reading them is slow. */
  const read = new Map<string, { beside: DirectoryState['tenants']; documents: Documents }>()
  const documents = async (revision: string, directory: DirectoryState): Promise<Documents> => {
    const known = read.get(revision)
    if (known?.beside === directory.tenants) return known.documents
    const sources = await registry.sourcesOf(await record(revision))
    try {
      const found = documentsFrom(sources, { tenants: tenantsOf(directory), clients: [] })
      read.set(revision, { beside: directory.tenants, documents: found })
      for (const [oldest] of read) if (read.size > READ_MAX) read.delete(oldest)
      return found
    } catch (error) {
      throw new PlaneError('policy_refused', `revision ${revision} no longer fits the directory:\n${(error as Error).message}`)
    }
  }
  const modules = async (revision: string): Promise<Modules> => {
    const { modules: digest } = await record(revision)
    const found = await registry.modules(digest)
    if (found === undefined) throw new Error(`the modules of revision ${revision} are not in the store`)
    return found
  }
  return {
    record,
    documents,
    signing,
    async sign(revision, directory, seq, maxAge = maxAgeMs) {
      const contents: ReleaseContents = { revision, documents: await documents(revision, directory), modules: await modules(revision) }
      return signRelease(contents, { ...signing(seq), maxAgeMs: maxAge })
    },
  }
}
