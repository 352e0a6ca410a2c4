import { sha256 } from '../../policy/file-hashes.ts'
import { bundleKey, CANDIDATE_LEASE_MS, type Candidate, directoryKey, type Pointer, type RegionPointers } from '../../state/pointers.ts'
import type { Cell } from '../cell.ts'

/** What one region is to have. */
export interface Target {
  bundle: { digest: string; seq: number }
  directory: { digest: string; seq: number }
  /** What it loads beside the bundle. Undefined: nothing. */
  candidate: Pick<Candidate, 'rollout' | 'bundleDigest' | 'bundleSeq' | 'sharePercent' | 'compare'> | undefined
  /** A bundle that only has to be in its bucket: what a replay judges by. */
  stored: string | undefined
}

export interface DeliverOptions {
  /** Of this control plane: a region that obeys a higher one is left alone. */
  term: number
  /** Name of its store: two of one term are told apart by it. */
  store: string
  ring: string
  nowMs: number
  /** Digests that this region's bucket is known to hold. Added to. */
  held: Set<string>
  /** The bytes of an object, by digest. */
  bytesOf: (digest: string) => Promise<Uint8Array>
}

/** Numbers that a pointer has and that are above those that were to be delivered; 0 for what is not. */
export interface Ahead {
  bundle: number
  directory: number
}

/**
 * A pointer is not signed, and whoever writes a region's table can put any number there. No number of ours is further ahead of what is known
 * than this, not even of a store that was lost; one that is would use up all numbers, and is overwritten instead.
 */
const LEAP_MAX = 1_000_000

export const isPlausible = (seq: number, knownSeq: number) => seq <= knownSeq + LEAP_MAX

/** Somebody has moved the pointer past this: what is to be delivered needs a higher number. */
export class PointerAheadError extends Error {
  override name = 'PointerAheadError'
  readonly ahead: Ahead
  constructor(message: string, ahead: Ahead) {
    super(message)
    this.ahead = ahead
  }
}

/** A newer control plane publishes to the region: this one was thought to be lost, and what it knows is old. */
export class SupersededError extends Error {
  override name = 'SupersededError'
}

/**
 * Brings one region to its target: objects by digest, read back whole, and only then the pointers. So a pointer never names an object that is
 * not there, and a region that fails half-way keeps serving what it has.
 */
export async function deliver(cell: Cell, target: Target, { term, store, ring, nowMs, held, bytesOf }: DeliverOptions): Promise<void> {
  const { bundle, directory, candidate, stored } = target
  const before = await cell.readPointers(cell.region)
  if (before.term > term) throw new SupersededError(`${cell.region} obeys the control plane of term ${before.term}, this one is of ${term}`)
  if (before.term === term && before.store !== undefined && before.store !== store)
    throw new SupersededError(
      `${cell.region} obeys another control plane of term ${term}, over the store ${before.store}: raise controlPlane.term of the one that is to stay`,
    )
  // One of an earlier version has not said which store it is of.
  if ((before.term < term || before.store === undefined) && !(await cell.claimTerm(term, store)))
    throw new SupersededError(`${cell.region} obeys a control plane of a higher term than ${term}, or another one of this term`)
  refuseAhead(cell.region, before, target)
  const bundles = [bundle.digest, candidate?.bundleDigest, stored].filter((digest) => digest !== undefined)
  const keys = [...new Set(bundles.map(bundleKey)), directoryKey(directory.digest)]
  // What a pointer already names was read back before it was written; a bucket that has lost it since is looked at when nothing is known.
  for (const key of keys) {
    if (held.has(key)) continue
    await putConfirmed(cell, key, await bytesOf(digestIn(key)))
    held.add(key)
  }
  const pointer: Pointer = {
    region: cell.region,
    ring,
    bundleDigest: bundle.digest,
    bundleSeq: bundle.seq,
    directoryDigest: directory.digest,
    directorySeq: directory.seq,
    updatedAt: nowMs,
  }
  const overtaken = () =>
    new SupersededError(`${cell.region} was told something by a control plane of a higher term than ${term} meanwhile`)
  if ((before.stable === undefined || !same(before.stable, pointer)) && !(await cell.writePointer(pointer, term))) throw overtaken()
  // After the pointer: a gateway that is told of its new bundle has it loaded as the candidate still.
  const next = candidateItem(cell.region, before.candidate, candidate, nowMs)
  if (next !== undefined && !(await cell.writeCandidate(next, term))) throw overtaken()
}

function refuseAhead(region: string, { stable }: RegionPointers, { bundle, directory }: Target): void {
  if (stable === undefined) return
  const compared = [
    ['bundle', stable.bundleSeq, bundle.seq],
    ['directory', stable.directorySeq, directory.seq],
  ] as const
  const ahead: Ahead = { bundle: 0, directory: 0 }
  for (const [what, there, here] of compared) if (there > here && isPlausible(there, here)) ahead[what] = there
  const first = compared.find(([what]) => ahead[what] > 0)
  if (first === undefined) return
  const [what, there, here] = first
  throw new PointerAheadError(`the ${what} of ${region} is at seq ${there}, this one is ${here}`, ahead)
}

/** @returns undefined when the item says already what it has to */
/** Well within the time that a gateway believes it. */
const NAMED_ANEW_MS = CANDIDATE_LEASE_MS / 10

function candidateItem(region: string, before: Candidate | undefined, wanted: Target['candidate'], nowMs: number): Candidate | undefined {
  if (wanted === undefined) return before === undefined || before.withdrawn ? undefined : { ...before, withdrawn: true, updatedAt: nowMs }
  const next: Candidate = { region, ...wanted, withdrawn: false, updatedAt: nowMs }
  return before !== undefined && same(before, next) && nowMs - before.updatedAt < NAMED_ANEW_MS ? undefined : next
}

function same<T extends { updatedAt: number }>(one: T, other: T): boolean {
  return (
    JSON.stringify(Object.entries({ ...one, updatedAt: 0 }).sort()) === JSON.stringify(Object.entries({ ...other, updatedAt: 0 }).sort())
  )
}

const digestIn = (key: string) => /([0-9a-f]{64})/.exec(key)?.[1] ?? ''

async function putConfirmed({ objects }: Cell, key: string, bytes: Uint8Array): Promise<void> {
  const digest = digestIn(key)
  const held = await objects.get(key)
  if (held !== undefined && sha256(held) === digest) return
  await objects.put(key, bytes)
  const read = await objects.get(key)
  if (read === undefined || sha256(read) !== digest) throw new Error(`${key} reads back ${read === undefined ? 'as missing' : 'altered'}`)
}
