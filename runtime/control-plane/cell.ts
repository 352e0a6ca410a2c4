import type { ObjectStore } from '../model/ports.ts'
import type { Attester, Issuer } from '../policy/directory.ts'
import { sha256 } from '../policy/file-hashes.ts'
import { bundleKey, directoryKey, type Pointer, type RegionPointers } from '../state/pointers.ts'
import type { Release, SignedObject, ZoneRelease } from './release.ts'

/** What the control plane needs of one region: its bucket, its pointers, the public halves of its token and attestation keys. */
export interface Cell {
  region: string
  zone: string
  objects: ObjectStore
  /** What any region is told to serve, as this region's replica of the global table has it. */
  readPointers(region: string): Promise<RegionPointers>
  writePointer(pointer: Pointer): Promise<void>
  /** Asks the region's KMS. Rejects when the region does not answer. */
  readIssuer(): Promise<Issuer>
  /** Asks it for the two keys that attest an export. Rejects when it does not answer, or shows only one. */
  readAttester(): Promise<Attester>
}

export interface DeliveryOptions {
  ring: string
  /** Milliseconds since the epoch. */
  nowMs: number
  confirmed: boolean
}

/** Somebody has moved the pointer past this release: the next one needs a higher number. */
export class PointerAheadError extends Error {
  override name = 'PointerAheadError'
}

/**
 * Puts a release into one region: objects by digest, read back whole, and only then the pointer. So a pointer never
 * names an object that is not there, and a region that fails half-way keeps serving what it has.
 * @param confirmed true when this region has confirmed this release before: then only its pointer is looked at
 * @returns the pointer in force
 */
export async function deliver(cell: Cell, release: Release, { ring, nowMs, confirmed }: DeliveryOptions): Promise<Pointer> {
  const objects = release.zones.get(cell.zone)
  if (objects === undefined) throw new Error(`the release has nothing for zone ${cell.zone}`)
  const { stable: before } = await cell.readPointers(cell.region)
  if (before !== undefined && before.bundleSeq > release.seq) {
    throw new PointerAheadError(`the pointer of ${cell.region} is at seq ${before.bundleSeq}, this release is ${release.seq}`)
  }
  if (confirmed && before !== undefined && names(before, objects)) return before
  await putConfirmed(cell.objects, bundleKey(objects.bundle.digest), objects.bundle)
  await putConfirmed(cell.objects, directoryKey(objects.directory.digest), objects.directory)
  const pointer: Pointer = {
    region: cell.region,
    ring,
    bundleDigest: objects.bundle.digest,
    bundleSeq: release.seq,
    directoryDigest: objects.directory.digest,
    directorySeq: release.seq,
    updatedAt: nowMs,
  }
  if (before !== undefined && names(before, objects)) return before
  await cell.writePointer(pointer)
  return pointer
}

function names(pointer: Pointer, { bundle, directory }: ZoneRelease): boolean {
  return pointer.bundleDigest === bundle.digest && pointer.directoryDigest === directory.digest
}

async function putConfirmed(objects: ObjectStore, key: string, { bytes, digest }: SignedObject): Promise<void> {
  const held = await objects.get(key)
  if (held !== undefined && sha256(held) === digest) return
  await objects.put(key, bytes)
  const read = await objects.get(key)
  if (read === undefined || sha256(read) !== digest) throw new Error(`${key} reads back ${read === undefined ? 'as missing' : 'altered'}`)
}
