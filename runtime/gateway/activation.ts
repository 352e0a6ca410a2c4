import type { DynamoDBClient } from '@aws-sdk/client-dynamodb'
import type { Clock, ObjectStore } from '../model/ports.ts'
import type { TrustRoot } from '../policy/trust.ts'
import type { Floors, HighWater } from '../state/high-water.ts'
import type { LastGoodStore } from '../state/last-good.ts'
import { type Pointer, type RegionPointers, readPointers } from '../state/pointers.ts'
import type { ActivePolicy } from './active-policy.ts'
import { repeat } from './region/repeat.ts'
import { bundleShelf } from './revisions/bundle-shelf.ts'
import { type CandidateEvent, type CandidateStatus, candidateKeeper, type LiveCandidate } from './revisions/candidate.ts'
import { type Refusal, refusalOf } from './revisions/fetched.ts'
import { type InForce, type Names, readied } from './revisions/stable.ts'

export interface ActivationOptions {
  zone: string
  trust: TrustRoot
  clock: Clock
  /** Reads what this region is told from its own replica of the global table. */
  pointers: () => Promise<RegionPointers>
  /** This region's bucket. */
  objects: Pick<ObjectStore, 'get'>
  highWater: HighWater
  lastGood: LastGoodStore
  log: (event: ActivationEvent) => void
}

export type ActivationEvent =
  | { event: 'activated'; from: 'pointer' | 'last_good'; revision: string; bundleSeq: number; directorySeq: number }
  | { event: 'refused'; what: string; fault: string; detail: string }
  | { event: 'state_unreachable' | 'last_good_unreachable' | 'candidate_unreadable'; detail: string }
  | CandidateEvent

/** What a process has loaded, and how it came to it: what it reports to whoever watches the fleet. */
export interface ActivationStatus {
  stable: {
    policy: ActivePolicy | undefined
    /** Of the bundle in the bucket. */
    sizeBytes: number | undefined
    fetchedAtMs: number | undefined
    activatedAtMs: number | undefined
    /** Why what the pointer names is not in force. */
    refusal: Refusal | undefined
  }
  /** Undefined while none is named. */
  candidate: CandidateStatus | undefined
  /** What is named as candidate cannot be read. */
  candidateFault: string | undefined
  /** The bundle that was in force before. */
  previousRevision: string | undefined
  /** When pointers were asked for, and when they were last answered. Milliseconds since the epoch. */
  askedAtMs: number | undefined
  answeredAtMs: number | undefined
}

export interface Activation {
  /** The policy in force, or undefined while none was ever verified. */
  current(): ActivePolicy | undefined
  /** What is loaded beside it for a rollout. In one turn of the event loop both have the same directory. */
  candidate(): LiveCandidate | undefined
  status(): ActivationStatus
  /** Called after an activation, a refusal, and whatever becomes of a candidate. */
  onChange(listener: () => void): void
  /** When the regional table last answered, on the monotonic clock; undefined before the first answer. */
  regionalStateSeenAt(): number | undefined
  /** One look at the pointers, and all that follows. Never throws: whatever fails leaves the active policy in force. */
  poll(): Promise<void>
  /** Polls until the returned function is called: sooner while a candidate is named, since a rollout waits for it. */
  start(intervals: { idleMs: number; rolloutMs: number }): () => Promise<void>
}

/** A gateway believes only what is signed: pointers are a mailbox, and nothing here trusts the table or the bucket. */
export function activation(options: ActivationOptions): Activation {
  const { clock, log, highWater, lastGood } = options
  const shelf = bundleShelf(options)
  const parts = { ...options, shelf }
  const listeners: (() => void)[] = []
  let looking = false
  let untold = false
  /** Once for all that comes of a look: what is withdrawn because something else takes its place is one change. */
  const changed = () => {
    untold = true
    if (looking) return
    untold = false
    for (const listener of listeners) listener()
  }
  const candidates = candidateKeeper({ shelf, clock, log, changed })

  let inForce: InForce | undefined
  let previous: { revision: string; bundleDigest: string } | undefined
  let activatedAtMs: number | undefined
  let seenAt: number | undefined
  let asked: { askedAtMs?: number; answeredAtMs?: number } = {}
  let candidateFault: string | undefined
  let unsaved = false
  // What was refused last is not fetched and verified again every second, nor told again.
  let refused: { named: string; bundleDigest: string; refusal: Refusal } | undefined
  let lastGoodRefused: string | undefined

  const look = async () => {
    looking = true
    try {
      await lookOnce()
    } finally {
      looking = false
      if (untold) changed()
    }
  }

  const lookOnce = async () => {
    asked = { ...asked, askedAtMs: clock.now() }
    const [floors, told] = await Promise.allSettled([highWater.read(), options.pointers()])
    for (const { reason } of [floors, told].filter((answer) => answer.status === 'rejected'))
      log({ event: 'state_unreachable', detail: String(reason) })
    if (floors.status === 'rejected') return
    if (told.status === 'rejected') return fallBack(floors.value)
    seenAt = clock.monotonic()
    asked = { ...asked, answeredAtMs: clock.now() }
    const { stable, candidate } = told.value
    noteFault(told.value.candidateFault)
    // First of all, so that nothing slow keeps a candidate in use that was withdrawn.
    candidates.see(candidate, inForce, floorOf(floors.value))
    if (stable !== undefined) await follow(stable, floors.value)
    if (inForce === undefined) await fallBack(floors.value)
    candidates.see(candidate, inForce, floorOf(floors.value))
    if (unsaved) await save()
    forgetOthers()
  }

  const forgetOthers = () => {
    // What only waits for its directory, or for a table, is not loaded anew at every look.
    const waiting = refused?.refusal.passing ? refused.bundleDigest : undefined
    const kept = [inForce?.policy.bundleDigest, previous?.bundleDigest, candidates.status()?.named.bundleDigest, waiting]
    shelf.keep(kept.filter((digest) => digest !== undefined))
  }

  const follow = async (pointer: Pointer, floors: Floors) => {
    const named = nameOf(pointer)
    if (inForce !== undefined && named === nameOf(inForce.policy)) {
      refused = undefined
      return
    }
    if (refused?.named === named && !refused.refusal.passing) return
    try {
      swap(await readied(pointer, inForce, floors, parts), 'pointer', floors)
      refused = undefined
    } catch (error) {
      const refusal = refusalOf(error)
      const told = refused?.named === named && refused.refusal.fault === refusal.fault
      refused = { named, bundleDigest: pointer.bundleDigest, refusal }
      if (told) return
      log({ event: 'refused', what: named, fault: refusal.fault, detail: refusal.detail })
      changed()
    }
  }

  /** A process that has nothing serves what its region served last, verified like everything else. What was refused stays reported. */
  const fallBack = async (floors: Floors) => {
    if (inForce !== undefined) return
    try {
      const good = await lastGood.read()
      if (good === undefined || nameOf(good) === lastGoodRefused) return
      await readied(good, undefined, floors, parts).then(
        (next) => swap(next, 'last_good', floors),
        (error) => {
          const { fault, detail, passing } = refusalOf(error)
          if (!passing) lastGoodRefused = nameOf(good)
          log({ event: 'refused', what: `last good ${nameOf(good)}`, fault, detail })
        },
      )
    } catch (error) {
      log({ event: 'last_good_unreachable', detail: String(error) })
    }
  }

  const swap = (next: InForce, from: 'pointer' | 'last_good', floors: Floors) => {
    const { policy } = next
    const before = inForce?.policy
    if (before !== undefined && before.bundleDigest !== policy.bundleDigest)
      previous = { revision: before.revision, bundleDigest: before.bundleDigest }
    inForce = next
    activatedAtMs = clock.now()
    unsaved = true
    // In the same turn: no call may meet a candidate that has another directory.
    const named = candidates.status()?.named
    if (named !== undefined) candidates.see(named, inForce, floorOf(floors))
    log({ event: 'activated', from, revision: policy.revision, bundleSeq: policy.bundleSeq, directorySeq: policy.directorySeq })
    changed()
  }

  const save = async () => {
    if (inForce === undefined) return
    const { bundleDigest, bundleSeq, directoryDigest, directorySeq } = inForce.policy
    try {
      await lastGood.write({ bundleDigest, bundleSeq, directoryDigest, directorySeq })
      unsaved = false
    } catch (error) {
      log({ event: 'last_good_unreachable', detail: String(error) })
    }
  }

  const noteFault = (fault: string | undefined) => {
    if (fault === candidateFault) return
    candidateFault = fault
    if (fault === undefined) return
    log({ event: 'candidate_unreadable', detail: fault })
    changed()
  }

  const floorOf = (floors: Floors) => Math.max(floors.bundle, inForce?.policy.bundleSeq ?? 0)

  return {
    current: () => inForce?.policy,
    candidate: candidates.live,
    status: () => ({
      stable: {
        policy: inForce?.policy,
        sizeBytes: inForce?.loaded.sizeBytes,
        fetchedAtMs: inForce?.loaded.fetchedAtMs,
        activatedAtMs,
        refusal: refused?.refusal,
      },
      candidate: candidates.status(),
      candidateFault,
      previousRevision: previous?.revision,
      askedAtMs: asked.askedAtMs,
      answeredAtMs: asked.answeredAtMs,
    }),
    onChange: (listener) => listeners.push(listener),
    regionalStateSeenAt: () => seenAt,
    async poll() {
      await look()
      await candidates.settled()
    },
    start({ idleMs, rolloutMs }) {
      const stop = repeat(look, () => (candidates.status() === undefined ? idleMs : rolloutMs))
      return async () => {
        await stop()
        await candidates.settled()
      }
    },
  }
}

const nameOf = ({ bundleDigest, directoryDigest }: Names) => `${bundleDigest} ${directoryDigest}`

/** Reads what this gateway's region is told: the pointer of its ring, and the candidate of a rollout. */
export function pointersReader(client: DynamoDBClient, table: string, region: string, ring: string): () => Promise<RegionPointers> {
  return () => readPointers(client, table, region, ring)
}
