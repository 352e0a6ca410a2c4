import type { Clock } from '../model/ports.ts'
import type { DirectoryState } from './directory/state.ts'
import { PlaneError } from './errors.ts'
import type { Intent, Kernel } from './kernel.ts'
import type { Releases } from './releases.ts'
import type { Counts } from './rollout/counts.ts'
import { type Rollout, stagesFor } from './rollout/rollout.ts'
import { countsByRegion } from './rollout/step.ts'
import type { View } from './rollout/view.ts'
import type { PastAct } from './store/ledger.ts'
import type { PlaneState } from './store/plane-state.ts'
import type { SignedRelease } from './store/signed-release.ts'

export interface PublishOrder {
  revision: string
  /** The revision that the publisher believes is active. Undefined: whatever is. */
  expects: string | null | undefined
  publisher: string
  reason: string
  /** First judge what was recorded: not published when more would newly be denied. */
  replay: { noNewDeniesAbove: number; sinceMs: number } | undefined
  shadowS: number
  maxNewDenyPercent: number | undefined
}

export interface PublishingOptions {
  kernel: Kernel
  releases: Releases
  directory: () => Promise<DirectoryState>
  cells: readonly { region: string; zone: string }[]
  view: () => View
  /** What a region's gateways did by a revision lately: what a rollout is measured against. */
  before: (revision: string) => Record<string, Counts>
  /** All that was ever done, oldest first. */
  acts: () => Promise<readonly PastAct[]>
  /** Numbers up to this one are taken, whatever the ledger says. */
  floor: () => number
  clock: Clock
  /** Author and publisher of a revision have to be two people. */
  twoPeople: boolean
  canaryRegions: readonly string[]
  maxNewDenyPercent: number
}

/** What changes which revision is served. Each operation is one entry of the ledger. */
export interface Publishing {
  /** Starts a rollout; the first publication of all is served everywhere at once. @throws PlaneError */
  publish(order: PublishOrder): Promise<{ rollout: Rollout | null; release: SignedRelease }>
  /**
   * Every region at once serves a revision under a higher number. @param to default: the one before the active one.
   * @throws PlaneError wrong_state for a rollback to what was never served everywhere
   */
  atOnce(order: { to: string | undefined; by: string | null; reason: string; kind: 'rolled_back' | 'published' }): Promise<SignedRelease>
  /** Signs what is served anew, under higher numbers. @throws PlaneError wrong_state before the first publication */
  renew(by: string | null, reason: string): Promise<SignedRelease>
  pause(by: string, reason: string): Promise<Rollout>
  resume(by: string, reason: string): Promise<Rollout>
  abort(by: string, reason: string): Promise<Rollout>
}

export function createPublishing(options: PublishingOptions): Publishing {
  const { kernel, releases, cells, clock, twoPeople } = options
  const nextSeq = (state: PlaneState) => Math.max(state.seq, options.floor()) + 1

  const begin = async (state: PlaneState, order: PublishOrder): Promise<Intent<{ rollout: Rollout | null; release: SignedRelease }>> => {
    const { revision, expects, publisher, reason } = order
    refuseConflict(state, expects, revision)
    const { author } = await releases.record(revision)
    if (twoPeople && author === publisher)
      throw new PlaneError('author_is_publisher', `${author} wrote revision ${revision}; somebody else has to publish it`)
    const seq = nextSeq(state)
    const release = await releases.sign(revision, await options.directory(), seq)
    const act = { by: publisher, kind: 'published', reason, facts: { revision, seq, author } }
    if (state.active === null) return { act, state: { ...state, seq, active: release }, result: { rollout: null, release } }
    const rollout = newRollout(state, order, author, release)
    return {
      act: { ...act, facts: { ...act.facts, rollout: rollout.id, from: rollout.from, stages: rollout.stages.length } },
      state: { ...state, seq, rollout },
      result: { rollout, release },
    }
  }

  const newRollout = (state: PlaneState, order: PublishOrder, author: string, release: SignedRelease): Rollout => {
    const { revision, publisher, reason, replay, shadowS } = order
    const from = state.active?.revision ?? null
    const id = `${revision}-${release.seq}`
    const view = options.view()
    const stages = stagesFor({ cells, canaryRegion: canaryIn(view), shadowS, replay: replay && { ...replay, id } })
    return {
      id,
      revision,
      from,
      release,
      author,
      publisher,
      reason,
      startedAtMs: clock.now(),
      endedAtMs: null,
      state: 'running',
      stages,
      at: 0,
      stageSinceMs: clock.now(),
      readySinceMs: null,
      silent: [],
      shadowS,
      maxNewDenyPercent: order.maxNewDenyPercent ?? options.maxNewDenyPercent,
      before: from === null ? {} : options.before(from),
      mark: countsByRegion(view, revision),
      why: null,
      evidence: {},
    }
  }

  /** The first region of the list where a gateway says something: without anybody there, there is nothing to see. */
  const canaryIn = (view: View): string => {
    const alive = view.regions.filter(({ reports }) => reports.length > 0).map(({ region }) => region)
    const wanted = [...options.canaryRegions, ...cells.map(({ region }) => region)]
    const found = wanted.find((region) => alive.includes(region)) ?? wanted[0]
    if (found === undefined) throw new PlaneError('wrong_state', 'there is no region to publish to')
    return found
  }

  const underway = ({ rollout }: PlaneState): Rollout => {
    if (rollout === null) throw new PlaneError('wrong_state', 'no rollout is under way')
    return rollout
  }
  const turned = (by: string, reason: string, from: Rollout['state'], to: Rollout['state'], kind: string) =>
    kernel.act(async (state) => {
      const rollout = underway(state)
      if (rollout.state !== from) throw new PlaneError('wrong_state', `the rollout of ${rollout.revision} is ${rollout.state}, not ${from}`)
      // The time that it was paused is no bake time.
      const next: Rollout = { ...rollout, state: to, why: to === 'paused' ? reason : null, readySinceMs: null, stageSinceMs: clock.now() }
      const act = { by, kind, reason, facts: { rollout: rollout.id, revision: rollout.revision } }
      return { act, state: { ...state, rollout: next }, result: next }
    })

  /** Back is where every region has been. Anything else would pass by the canary, and by the second person where two are asked for. */
  const refuseUnproven = async (revision: string, { active, previous }: PlaneState) => {
    if (revision === active?.revision || revision === previous) return
    await releases.record(revision)
    if (!(await options.acts()).some((act) => act.facts.revision === revision && isServedByAll(act)))
      throw new PlaneError('wrong_state', `revision ${revision} was never served everywhere, so there is no way back to it; publish it`)
  }

  return {
    publish: (order) => kernel.act((state) => begin(state, order)),

    atOnce: ({ to, by, reason, kind }) =>
      kernel.act(async (state) => {
        const revision = to ?? state.previous
        if (revision === null) throw new PlaneError('wrong_state', 'there is no revision before this one; name one')
        if (kind === 'rolled_back') await refuseUnproven(revision, state)
        const seq = nextSeq(state)
        const release = await releases.sign(revision, await options.directory(), seq)
        const stopped = state.rollout === null ? null : endedRollout(state.rollout, 'rolled_back', reason, clock.now())
        const from = state.active?.revision ?? null
        return {
          act: { by, kind, reason, facts: { revision, seq, from, ...(stopped !== null && { rollout: stopped.id }) } },
          state: {
            ...state,
            seq,
            active: release,
            previous: from === revision ? state.previous : from,
            rollout: null,
            lastRollout: stopped ?? state.lastRollout,
          },
          result: release,
        }
      }),

    renew: (by, reason) =>
      kernel.act(async (state) => {
        if (state.active === null) throw new PlaneError('wrong_state', 'nothing is published yet')
        const renewed = await renewedState(state, state.active, releases, await options.directory(), nextSeq(state))
        return {
          act: { by, kind: 'renewed', reason, facts: { revision: renewed.active.revision, seq: renewed.active.seq } },
          state: renewed,
          result: renewed.active,
        }
      }),

    pause: (by, reason) => turned(by, reason, 'running', 'paused', 'paused'),
    resume: (by, reason) => turned(by, reason, 'paused', 'running', 'resumed'),
    abort: (by, reason) =>
      kernel.act(async (state) => {
        const ended = endedRollout(underway(state), 'aborted', `${by}: ${reason}`, clock.now())
        const next = await withoutRollout(state, ended, releases, options.directory, nextSeq(state))
        return { act: { by, kind: 'aborted', reason, facts: { rollout: ended.id, revision: ended.revision } }, state: next, result: ended }
      }),
  }
}

function refuseConflict({ active, rollout }: PlaneState, expects: string | null | undefined, revision: string): void {
  const now = active?.revision ?? null
  if (rollout !== null)
    throw new PlaneError(
      'rollout_in_progress',
      `${rollout.publisher} is rolling out revision ${rollout.revision}; wait for its end, or abort it`,
      { rollout: rollout.id },
    )
  if (expects !== undefined && expects !== now)
    throw new PlaneError(
      'publish_conflict',
      `revision ${now ?? 'none'} is active, and you expected ${expects ?? 'none'}: somebody has published meanwhile; look at the difference and publish again`,
      { active: now },
    )
  if (now === revision) throw new PlaneError('wrong_state', `revision ${revision} is active already`)
}

/** After it every region was to serve its revision. */
function isServedByAll({ kind, facts }: PastAct): boolean {
  return kind === 'completed' || kind === 'rolled_back' || (kind === 'published' && facts.rollout === undefined)
}

export function endedRollout(rollout: Rollout, state: 'aborted' | 'rolled_back', why: string, nowMs: number): Rollout {
  return { ...rollout, state, why, endedAtMs: nowMs }
}

/** The active release under a higher number, and what is being rolled out under one higher still: it must stay above what regions have seen. */
export async function renewedState(
  state: PlaneState,
  active: SignedRelease,
  releases: Releases,
  directory: DirectoryState,
  seq: number,
): Promise<PlaneState & { active: SignedRelease }> {
  const renewed = await releases.sign(active.revision, directory, seq)
  const { rollout } = state
  if (rollout === null) return { ...state, seq, active: renewed }
  const release = await releases.sign(rollout.revision, directory, seq + 1)
  return { ...state, seq: seq + 1, active: renewed, rollout: { ...rollout, release, readySinceMs: null } }
}

/**
 * The rollout is over and what was active before is served everywhere, under a number that no gateway takes the aborted one after. Where that
 * cannot be signed just now the abort holds all the same, and the signing follows.
 */
export async function withoutRollout(
  state: PlaneState,
  ended: Rollout,
  releases: Releases,
  directory: () => Promise<DirectoryState>,
  seq: number,
): Promise<PlaneState> {
  const without: PlaneState = { ...state, rollout: null, lastRollout: ended }
  if (state.active === null) return without
  try {
    const active = await releases.sign(state.active.revision, await directory(), seq)
    return { ...without, seq, active }
  } catch {
    return without
  }
}
