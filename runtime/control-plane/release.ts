import type { Signer } from '../model/ports.ts'
import { packBundle } from '../policy/bundle.ts'
import { type Attester, buildDirectory, type Directory, type Grant, type Issuer, signDirectory } from '../policy/directory.ts'
import { bundleData, type Documents, revisionOf } from '../policy/documents.ts'
import { sha256 } from '../policy/file-hashes.ts'
import { grantsFor } from '../policy/grants.ts'

/** What directories say beside the documents. When it changes, they are published anew. */
export interface Standing {
  issuers: readonly Issuer[]
  attesters: readonly Attester[]
  /** Ids of kill switches that no longer hold, in every zone. */
  lifted: readonly string[]
  /** Budget grants of today and the days ahead. */
  grants: readonly Grant[]
}

/** Everything that one publication puts into the world: a bundle and a directory for each zone, all of one sequence number. */
export interface Release {
  seq: number
  revision: string
  documents: Documents
  standing: Standing
  zones: ReadonlyMap<string, ZoneRelease>
  publishedAtMs: number
}

export interface ZoneRelease {
  bundle: SignedObject
  directory: SignedObject
}

export interface SignedObject {
  /** SHA-256 of the bytes in lower-case hex. */
  digest: string
  bytes: Uint8Array
}

export interface ReleaseContents {
  documents: Documents
  wasm: Uint8Array
  /** Regions by zone. */
  zones: Readonly<Record<string, readonly string[]>>
  standing: Standing
  seq: number
  nowMs: number
  maxAgeMs: number
}

// A gateway whose clock is a little behind must not refuse what was signed a moment ago.
const CLOCK_SKEW_MS = 60_000

/** A release that contradicts nothing, before it is signed. */
export interface Plan {
  seq: number
  revision: string
  documents: Documents
  standing: Standing
  wasm: Uint8Array
  validity: { notBeforeMs: number; notAfterMs: number }
  directories: readonly Directory[]
  nowMs: number
}

export interface StandingFacts extends Omit<Standing, 'grants'> {
  documents: Documents
  /** Regions by zone. */
  zones: Readonly<Record<string, readonly string[]>>
  /** Grants that regions may have spent from. */
  issued: readonly Grant[]
  nowMs: number
}

/** The same documents and facts give the same standing all day: grants change with the UTC day. */
export function standingOf({ documents: { agents, tenants }, zones, nowMs, issuers, attesters, lifted, issued }: StandingFacts): Standing {
  return { issuers, attesters, lifted, grants: grantsFor(agents, tenants, zones, nowMs, issued) }
}

/** @throws Error with one line a fault when tenants or issuers contradict the deployment */
export function planRelease({ documents, wasm, zones, standing, seq, nowMs, maxAgeMs }: ReleaseContents): Plan {
  const validity = { notBeforeMs: nowMs - CLOCK_SKEW_MS, notAfterMs: nowMs + maxAgeMs }
  const { tenants, clients } = documents
  const directories = Object.keys(zones).map((zone) => buildDirectory({ zone, seq, ...validity, zones, tenants, clients, ...standing }))
  return { seq, revision: revisionOf(wasm, documents), documents, standing, wasm, validity, directories, nowMs }
}

/** Builds and signs every object of a release, before anything of it is uploaded. */
export async function signRelease({ directories, wasm, validity, ...plan }: Plan, signer: Signer): Promise<Release> {
  const { seq, revision, documents, standing, nowMs } = plan
  const zones = directories.map(async (directory): Promise<[string, ZoneRelease]> => {
    const { zone } = directory
    const bundle = await packBundle({ wasm, data: bundleData(documents, zone), revision, seq, zone, ...validity }, signer)
    const jws = await signDirectory(directory, signer)
    return [zone, { bundle: signedObject(bundle), directory: signedObject(Buffer.from(jws)) }]
  })
  return { seq, revision, documents, standing, zones: new Map(await Promise.all(zones)), publishedAtMs: nowMs }
}

const signedObject = (bytes: Uint8Array): SignedObject => ({ digest: sha256(bytes), bytes })
