import type { Signer } from '../model/ports.ts'
import { packBundle } from '../policy/bundle.ts'
import { buildDirectory, type Directory, type Issuer, signDirectory } from '../policy/directory.ts'
import { bundleData, type Documents, revisionOf } from '../policy/documents.ts'
import { sha256 } from '../policy/file-hashes.ts'

/** Everything that one publication puts into the world: a bundle and a directory for each zone, all of one sequence number. */
export interface Release {
  seq: number
  revision: string
  issuers: readonly Issuer[]
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
  issuers: readonly Issuer[]
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
  issuers: readonly Issuer[]
  wasm: Uint8Array
  validity: { notBeforeMs: number; notAfterMs: number }
  directories: readonly Directory[]
  documents: Documents
  nowMs: number
}

/** @throws Error with one line a fault when tenants or issuers contradict the deployment */
export function planRelease({ documents, wasm, zones, issuers, seq, nowMs, maxAgeMs }: ReleaseContents): Plan {
  const validity = { notBeforeMs: nowMs - CLOCK_SKEW_MS, notAfterMs: nowMs + maxAgeMs }
  const directories = Object.keys(zones).map((zone) =>
    buildDirectory({ zone, seq, ...validity, zones, tenants: documents.tenants, issuers }),
  )
  return { seq, revision: revisionOf(wasm, documents), issuers, wasm, validity, directories, documents, nowMs }
}

/** Builds and signs every object of a release, before anything of it is uploaded. */
export async function signRelease({ directories, documents, wasm, validity, ...plan }: Plan, signer: Signer): Promise<Release> {
  const { seq, revision, issuers, nowMs } = plan
  const zones = directories.map(async (directory): Promise<[string, ZoneRelease]> => {
    const { zone } = directory
    const bundle = await packBundle({ wasm, data: bundleData(documents, zone), revision, seq, zone, ...validity }, signer)
    const jws = await signDirectory(directory, signer)
    return [zone, { bundle: signedObject(bundle), directory: signedObject(Buffer.from(jws)) }]
  })
  return { seq, revision, issuers, zones: new Map(await Promise.all(zones)), publishedAtMs: nowMs }
}

const signedObject = (bytes: Uint8Array): SignedObject => ({ digest: sha256(bytes), bytes })
