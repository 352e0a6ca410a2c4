import type { Signer } from '../model/ports.ts'
import { type BundleContents, packBundle, packRegoBundle } from '../policy/bundle.ts'
import { buildDirectory, type DirectoryContents, signDirectory } from '../policy/directory.ts'
import { bundleData, type Documents } from '../policy/documents.ts'
import type { Modules } from '../policy/modules.ts'
import type { Shelf } from './store/shelf.ts'
import type { SignedRelease } from './store/signed-release.ts'

/** A gateway whose clock is a little behind must not refuse what was signed a moment ago. */
const CLOCK_SKEW_MS = 60_000

export interface Signing {
  signer: Signer
  shelf: Shelf
  zones: readonly string[]
  nowMs: number
  maxAgeMs: number
  seq: number
}

export interface ReleaseContents {
  revision: string
  documents: Documents
  modules: Modules
}

/** Builds and signs every bundle of a release and puts it on the shelf, before anything of it goes to a region. */
export async function signRelease({ revision, documents, modules }: ReleaseContents, signing: Signing): Promise<SignedRelease> {
  const { signer, shelf, zones, nowMs, maxAgeMs, seq } = signing
  const validity = { notBeforeMs: nowMs - CLOCK_SKEW_MS, notAfterMs: nowMs + maxAgeMs }
  const signed = zones.map(async (zone) => {
    const contents: BundleContents = { data: bundleData(documents, zone), revision, seq, zone, ...validity }
    const [bundle, rego] = await Promise.all([
      packBundle({ ...contents, wasm: modules.wasm }, signer),
      packRegoBundle({ ...contents, modules: modules.rego }, signer),
    ])
    return [zone, { bundle: await shelf.put(bundle), rego: await shelf.put(rego) }] as const
  })
  return {
    revision,
    seq,
    keyId: signer.keyId,
    signedAtMs: nowMs,
    notAfterMs: validity.notAfterMs,
    zones: Object.fromEntries(await Promise.all(signed)),
  }
}

/** The same for the directories. @returns digests by zone. @throws Error with one line a fault when tenants or issuers contradict the deployment */
export async function signDirectories(
  contents: Omit<DirectoryContents, 'zone' | 'seq' | 'notBeforeMs' | 'notAfterMs'>,
  { signer, shelf, zones, nowMs, maxAgeMs, seq }: Signing,
): Promise<{ notAfterMs: number; zones: Record<string, string> }> {
  const validity = { notBeforeMs: nowMs - CLOCK_SKEW_MS, notAfterMs: nowMs + maxAgeMs }
  const directories = zones.map((zone) => buildDirectory({ ...contents, zone, seq, ...validity }))
  const signed = directories.map(async (directory) => {
    const jws = await signDirectory(directory, signer)
    return [directory.zone, await shelf.put(Buffer.from(jws))] as const
  })
  return { notAfterMs: validity.notAfterMs, zones: Object.fromEntries(await Promise.all(signed)) }
}
