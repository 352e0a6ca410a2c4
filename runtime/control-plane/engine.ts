import type { Stage } from '../../config/stages.ts'
import type { Clock } from '../model/ports.ts'
import { type AgentDocument, agentIds } from '../policy/agent-document.ts'
import type { Grant } from '../policy/directory.ts'
import { sha256 } from '../policy/file-hashes.ts'
import { grantsFor } from '../policy/grants.ts'
import type { ReplayResult } from '../state/replays.ts'
import type { Cell } from './cell.ts'
import type { Couriers } from './delivery/couriers.ts'
import { amountsOf, clientsIn, type DirectoryState, tenantsOf } from './directory/state.ts'
import type { Intent, Kernel } from './kernel.ts'
import type { LastKnown } from './last-known.ts'
import { renewedState, withoutRollout } from './publishing.ts'
import type { Releases } from './releases.ts'
import { stageOf } from './rollout/rollout.ts'
import { type RolloutSettings, step } from './rollout/step.ts'
import type { View } from './rollout/view.ts'
import { signDirectories } from './signing.ts'
import { atStage } from './staged-tenants.ts'
import type { RegionKeys, Standing } from './standing.ts'
import type { PlaneState } from './store/plane-state.ts'

export interface EngineOptions {
  kernel: Kernel
  releases: Releases
  directory: () => Promise<DirectoryState>
  keys: RegionKeys
  memory: LastKnown
  couriers: Couriers
  cells: readonly Cell[]
  zones: Readonly<Record<string, readonly string[]>>
  absent: readonly string[]
  stage: Stage
  settings: RolloutSettings
  clock: Clock
  /** The key that signs now. */
  keyId: string
  /** What was signed is signed anew after this: well within the maximum age. */
  renewEveryMs: number
  view: () => View
  /** Answers to replays, by id and region. Filled by `observe`. */
  replays: Map<string, Map<string, ReplayResult>>
  floor: () => number
  /** The bytes of an object of the store, by digest. */
  bytesOf: (digest: string) => Promise<Uint8Array>
  log: (event: object) => void
}

/** What the control plane does of itself. Each part may be repeated at any time, and by any process. */
export interface Engine {
  /** Signs the directories anew where what they say, or their age, asks for it. */
  signDirectories(): Promise<void>
  /** Signs what is served anew where it is old, or where a region has seen higher numbers. */
  renew(): Promise<void>
  /** Takes the rollout one step further, if it can go one. @returns whether it did */
  stepRollout(): Promise<boolean>
  /** Orders the replay that a rollout waits for, and collects the answers. */
  collectReplays(): Promise<void>
  /** What directories say beside number and dates, as it was worked out last. Undefined before. */
  standing(): (Standing & { lifted: readonly string[] }) | undefined
  /** The agents' documents in force, as of then. */
  agents(): readonly AgentDocument[]
}

export function createEngine(options: EngineOptions): Engine {
  const { kernel, releases, memory, couriers, cells, clock, renewEveryMs, zones, absent, keyId } = options
  const present = withoutAbsent(zones, absent)
  const nextSeq = (state: PlaneState) => Math.max(state.seq, options.floor()) + 1
  const isOld = (signedAtMs: number) => clock.now() - signedAtMs >= renewEveryMs

  let agents: readonly AgentDocument[] = []
  let standing: (Standing & { lifted: readonly string[] }) | undefined

  /** What directories say now beside number and dates. */
  const facts = async (state: PlaneState) => {
    const directory = await options.directory()
    const removed = (region: string) => [...new Set([...(directory.removed_keys[region] ?? []), ...memory.removedKeys(region)])].sort()
    const tenants = tenantsOf(directory).map((tenant) => atStage(tenant, options.stage))
    const active = state.active === null ? [] : (await releases.documents(state.active.revision, directory)).agents
    const next = state.rollout === null ? [] : (await releases.documents(state.rollout.revision, directory)).agents
    const grants = (agents: readonly AgentDocument[]) =>
      grantsFor(agents, tenants, present, clock.now(), memory.issued(), amountsOf(directory))
    agents = active
    return {
      zones,
      ...(absent.length > 0 && { absent }),
      tenants,
      clients: clientsIn(directory, [...active, ...newcomers(next, active)]),
      ...options.keys.list(removed),
      lifted: [...new Set([...directory.lifted, ...memory.lifted()])].sort(),
      grants: withNewBudgets(grants(active), grants(next)),
    }
  }

  /** @returns undefined when what was signed last still says it */
  const unsigned = async (state: PlaneState) => {
    const before = state.signedDirectories
    // Perhaps by another process: without knowing what that one said each would sign over the other's for ever.
    if (before !== null) await memory.learnSigned(before, options.bytesOf)
    const contents = await facts(state)
    standing = contents
    const digest = sha256(JSON.stringify(contents))
    const ahead = before !== null && couriers.ahead().directory > before.seq
    return before !== null && before.contents === digest && !isOld(before.signedAtMs) && before.keyId === keyId && !ahead
      ? undefined
      : { contents, digest, before }
  }
  type Signed = Parameters<LastKnown['published']>[0] | undefined
  const signed = async (state: PlaneState): Promise<Intent<Signed> | { result: Signed }> => {
    const found = await unsigned(state)
    if (found === undefined) return { result: undefined }
    const { contents, digest, before } = found
    const seq = nextSeq(state)
    const directories = await signDirectories(contents, releases.signing(seq))
    return {
      act: { by: null, kind: 'directories_signed', reason: before?.contents === digest ? 'renewed' : 'changed', facts: { seq } },
      state: { ...state, seq, signedDirectories: { seq, keyId, signedAtMs: clock.now(), contents: digest, ...directories } },
      result: { seq, standing: contents },
    }
  }

  /** The highest number of a bundle that some gateway may have taken, though it is not what is served. */
  const seenIn = ({ lastRollout }: PlaneState) =>
    Math.max(couriers.ahead().bundle, lastRollout === null || lastRollout.state === 'completed' ? 0 : lastRollout.release.seq)
  const isStale = (state: PlaneState) =>
    state.active !== null && (isOld(state.active.signedAtMs) || state.active.keyId !== keyId || seenIn(state) > state.active.seq)
  const renewed = async (state: PlaneState): Promise<Intent<undefined> | { result: undefined }> => {
    const { active } = state
    if (active === null || !isStale(state)) return { result: undefined }
    const seen = seenIn(state)
    const next = await renewedState(state, active, releases, await options.directory(), nextSeq(state))
    const reason = seen > active.seq ? `a region has seen number ${seen}` : 'in time'
    return {
      act: { by: null, kind: 'renewed', reason, facts: { revision: active.revision, seq: next.active.seq } },
      state: next,
      result: undefined,
    }
  }

  const stepped = async (state: PlaneState): Promise<Intent<boolean> | { result: boolean }> => {
    if (state.rollout === null) return { result: false }
    const { rollout, event } = step(state.rollout, options.view(), options.settings, clock.now())
    if (event === undefined) return { result: false }
    const about = { rollout: rollout.id, revision: rollout.revision, what: event.text, ...rollout.evidence }
    const act = {
      by: null,
      kind: event.kind === 'stage' || event.kind === 'ready' ? `rollout_${event.kind}` : event.kind,
      reason: rollout.why,
      facts: about,
    }
    if (event.kind === 'aborted')
      return { act, state: await withoutRollout(state, rollout, releases, options.directory, nextSeq(state)), result: true }
    if (event.kind === 'completed') {
      const next: PlaneState = { ...state, active: rollout.release, previous: rollout.from, rollout: null, lastRollout: rollout }
      return { act, state: next, result: true }
    }
    return { act, state: { ...state, rollout }, result: true }
  }

  return {
    // Each looks first by itself: to ask the ledger whether something is to be done costs money every time.
    async signDirectories() {
      const learnt = couriers.learnt()
      if ((await unsigned(kernel.state())) !== undefined) {
        const published = await kernel.insist(signed)
        // Not before it stands in the ledger: what could not be written down was never said.
        if (published !== undefined) memory.published(published)
      }
      couriers.admit(learnt)
    },
    async renew() {
      if (isStale(kernel.state())) await kernel.insist(renewed)
    },
    async stepRollout() {
      const { rollout } = kernel.state()
      if (rollout === null || step(rollout, options.view(), options.settings, clock.now()).event === undefined) return false
      return kernel.insist(stepped)
    },

    standing: () => standing,
    agents: () => agents,

    async collectReplays() {
      const { rollout } = kernel.state()
      const stage = rollout === null || rollout.endedAtMs !== null ? undefined : stageOf(rollout)
      if (rollout === null || stage?.kind !== 'replay') return
      const answers = options.replays.get(stage.id) ?? new Map<string, ReplayResult>()
      options.replays.set(stage.id, answers)
      await Promise.allSettled(
        cells
          .filter(({ region }) => !answers.has(region) && couriers.reports(region).length > 0)
          .map(async (cell) => {
            const bundleDigest = rollout.release.zones[cell.zone]?.bundle
            // Ordered when its bucket has what it is to judge by: else the answer would be that it is not there.
            if (bundleDigest === undefined || !couriers.holds(cell.region, bundleDigest)) return
            const { id, sinceMs } = stage
            const order = {
              id,
              region: cell.region,
              bundleDigest,
              revision: rollout.revision,
              sinceMs,
              limit: REPLAY_LIMIT,
              orderedAtMs: clock.now(),
            }
            await cell.orderReplay(order)
            const answer = await cell.readReplay(id)
            if (answer !== undefined) answers.set(cell.region, answer)
          }),
      )
    },
  }
}

/** Recorded decisions that one region judges anew for one rollout. */
export const REPLAY_LIMIT = 1_000_000

/** Only where there is a cell may a budget be spent. */
function withoutAbsent(zones: EngineOptions['zones'], absent: readonly string[]): EngineOptions['zones'] {
  return Object.fromEntries(Object.entries(zones).map(([zone, regions]) => [zone, regions.filter((region) => !absent.includes(region))]))
}

/** Documents of agents that only the new revision names: its canary has to get tokens for them. */
function newcomers(next: readonly AgentDocument[], active: readonly AgentDocument[]): AgentDocument[] {
  const known = new Set(active.flatMap(agentIds))
  return next.filter((document) => agentIds(document).every((id) => !known.has(id)))
}

/**
 * Budgets stay what they are while a revision is on its way, so that a candidate changes nothing for anybody; those that only it has are
 * granted beside them, or its canary could not spend.
 */
function withNewBudgets(active: readonly Grant[], next: readonly Grant[]): Grant[] {
  const idOf = ({ agent, tenant, unit }: Grant) => JSON.stringify([agent, tenant, unit])
  const known = new Set(active.map(idOf))
  return [...active, ...next.filter((grant) => !known.has(idOf(grant)))]
}
