import type { Clock } from '../../model/ports.ts'
import type { Tenant } from '../../model/zones.ts'
import type { Heartbeat, HeartbeatStore } from '../../state/heartbeats.ts'
import type { Promotion, PromotionStore, RegionRowStore, Release } from '../../state/promotions.ts'
import type { ActivePolicy } from '../active-policy.ts'
import { cellsIn } from './cells.ts'
import { EVERY_TENANT, Freshness } from './freshness.ts'
import { Hearing } from './hearing.ts'
import { type Order, promoter } from './promote.ts'
import { repeat } from './repeat.ts'
import { outranks, promotionKey, type Standing, standingOf } from './standing.ts'

export type { Promotion } from '../../state/promotions.ts'

/** `region`: where the tenant is served, as far as this region knows. */
export type Served = { ok: true } | { ok: false; region: string | null; why: string }

/** Which region serves a tenant. At no time two serve one that is bound to a region: what costs availability here never costs residency. */
export interface Homes {
  /** Null: the tenant is not pinned to one region. */
  activeRegion(tenant: Tenant): string | null
  mayServe(tenant: Tenant): Served
  /** Whether this region holds the chains and idempotency keys of the tenant. */
  holds(tenant: Tenant, principal: { issuerRegion: string }): boolean
  /** When the latest promotion was ordered: what happened before it may be known elsewhere only. Milliseconds since the epoch. */
  promotedAtMs(tenant: string): number | undefined
  /**
   * Makes another region the active one. Takes longer than the grace, see `HomesOptions`, unless the home is lost.
   * @throws AegisError held_elsewhere with the region to ask, malformed_call, not_found, not_ready, state_unavailable
   */
  promote(order: Order): Promise<Promotion>
  list(): readonly Promotion[]
  /** One look at what is decided, and one heartbeat. Never rejects: without a look nothing pinned is served after `VIEW_MS_MAX`. */
  refresh(): Promise<void>
  start(intervalMs: number): () => Promise<void>
}

export interface HomesOptions {
  place: { region: string; zone: string }
  clock: Clock
  active: () => Pick<ActivePolicy, 'zones' | 'absent' | 'tenants'> | undefined
  rows: RegionRowStore
  promotions: PromotionStore
  heartbeats: HeartbeatStore
  log: (event: { event: 'homes_unreachable' | 'beat_failed'; detail: string }) => void
  /** Between a release and the promotion: longer than any process of this region serves without having looked. */
  graceMs?: number
  sleep?: (ms: number) => Promise<void>
}

/** Older than this, a look says nothing: this region may have released the tenant meanwhile. */
const VIEW_MS_MAX = 2000
const GRACE_MS = VIEW_MS_MAX + 1000
const CHALLENGES_MAX = 16
/** While a start is not proven, looks come so much more often. */
const HASTE = 4
const PAUSE_MS_MIN = 50

interface View {
  monotonicMs: number
  wallMs: number
  releases: Map<string, Release>
}

export function createHomes(options: HomesOptions): Homes {
  const { place, clock, active, rows, promotions, heartbeats, log, graceMs = GRACE_MS } = options
  const freshness = new Freshness(place.region, graceMs)
  const hearing = new Hearing(place.region, graceMs)
  const all = new Map<string, Promotion>()
  const latest = new Map<string, Promotion>()
  const releaseSeenAtMs = new Map<string, number>()
  let view: View | undefined

  const learn = (found: readonly Promotion[]) => {
    for (const promotion of found) {
      // No region of another zone can be promoted, whoever writes so. One that is no longer there can have been: then nobody serves.
      if (!zoneRegions().includes(promotion.region)) continue
      all.set(promotionKey(promotion), promotion)
      const known = latest.get(promotion.tenant)
      if (known === undefined || outranks(promotion, known)) latest.set(promotion.tenant, promotion)
    }
  }
  const zoneRegions = () => active()?.zones[place.zone] ?? []
  const standing = (tenant: Pick<Tenant, 'id' | 'homeRegion'>) => standingOf(tenant, latest.get(tenant.id), view?.releases.get(tenant.id))

  /** @returns undefined while no directory says which regions there are: such a look would echo others without having heard them */
  const look = async () => {
    const policy = active()
    const regions = policy === undefined ? [] : cellsIn(policy, place.zone)
    if (regions.length === 0) return undefined
    const monotonicMs = clock.monotonic()
    const wallMs = clock.now()
    const [{ releases, freshAtMs }, beats] = await Promise.all([rows.readAll(), heartbeats.readAll()])
    // After the heartbeats: what this region then echoes, it echoes with every promotion that it had made before.
    const found = await promotions.readAll()
    const byRegion = new Map(beats.map((beat) => [beat.region, beat]))
    learn(found)
    for (const region of regions) learn(byRegion.get(region)?.promotions ?? [])
    const peers = regions.filter((region) => region !== place.region)
    freshness.look({ monotonicMs, wallMs, peers, heartbeats: byRegion, freshAtMs, promotions: found })
    hearing.look({ monotonicMs, wallMs, peers, heartbeats: byRegion, promotions: latest.values() })
    view = { monotonicMs, wallMs, releases: new Map(releases.map((release) => [release.tenant, release])) }
    promote.looked(monotonicMs)
    return { view, byRegion }
  }

  const beat = async (byRegion: ReadonlyMap<string, Heartbeat>) => {
    const own = byRegion.get(place.region)
    const others = (own?.challenges ?? []).filter((challenge) => challenge !== freshness.challenge)
    await heartbeats.write({
      region: place.region,
      beat: (own?.beat ?? 0) + 1,
      challenges: [freshness.challenge, ...others].slice(0, CHALLENGES_MAX),
      seen: new Map([...byRegion].filter(([region]) => region !== place.region).map(([region, { challenges }]) => [region, challenges])),
      promotions: [...latest.values()],
    })
  }

  /** What the next process of this region may go on with. It is as old as the look that it rests on. */
  const passOn = async ({ monotonicMs, wallMs }: View) => {
    if (freshness.settled(monotonicMs)) return rows.renewFreshness(EVERY_TENANT, wallMs)
    for (const tenant of freshness.vouched) await rows.renewFreshness(tenant, wallMs)
  }

  /** A release whose process died before it became a promotion is brought to its end by any other. */
  const finishReleases = async ({ releases, monotonicMs }: View) => {
    for (const release of releases.values()) {
      if (release.epoch <= (latest.get(release.tenant)?.epoch ?? 0)) continue
      const key = `${release.tenant}#${release.epoch}`
      const seenAtMs = releaseSeenAtMs.get(key)
      if (seenAtMs === undefined) releaseSeenAtMs.set(key, clock.monotonic())
      else if (monotonicMs - seenAtMs > graceMs && freshness.proven) await promote.finish(release)
    }
  }

  let tail: Promise<unknown> = Promise.resolve()
  const oneByOne = <T>(work: () => Promise<T>): Promise<T> => {
    const run = tail.then(work)
    tail = run.catch(() => {})
    return run
  }
  const refresh = () =>
    oneByOne(async () => {
      try {
        const looked = await look()
        if (looked === undefined) return
        await Promise.all([beat(looked.byRegion), passOn(looked.view), finishReleases(looked.view)]).catch((error) =>
          log({ event: 'beat_failed', detail: String(error) }),
        )
      } catch (error) {
        log({ event: 'homes_unreachable', detail: String(error) })
      }
    })

  const serves = (tenant: Tenant): Served => {
    if (tenant.binding === 'none') return { ok: true }
    if (tenant.zone !== place.zone) return { ok: false, region: null, why: `the tenant is served in zone ${tenant.zone} only` }
    if (tenant.binding === 'zone') return { ok: true }
    const stands = standing(tenant)
    if (stands === undefined) return { ok: false, region: null, why: 'the tenant has no home region' }
    return pinned(tenant, stands)
  }
  const pinned = (tenant: Tenant, stands: Standing): Served => {
    const { region } = stands
    if (region !== place.region) return { ok: false, region, why: `${region} is the active region of the tenant: call it there` }
    if (promote.stopped(tenant.id))
      return { ok: false, region, why: 'the tenant is being released by this region: try again in some seconds' }
    const nowMs = clock.monotonic()
    if (view === undefined || ageMs(view) > VIEW_MS_MAX)
      return { ok: false, region, why: `${region} cannot read its own state, and serves again when it can` }
    if (stands.promotion !== undefined && !hearing.heard(stands.promotion))
      return { ok: false, region, why: `${region} was promoted with home_lost, and waits until the other regions know or are silent` }
    if (!freshness.covers(tenant.id, stands.epoch > 0, nowMs))
      return {
        ok: false,
        region,
        why: `${region} has started and waits to hear from its zone; if the rest is lost, promote ${region} with home_lost`,
      }
    return { ok: true }
  }
  const ageMs = (of: View) => Math.max(clock.monotonic() - of.monotonicMs, clock.now() - of.wallMs)

  const promote = promoter({
    ...options,
    graceMs,
    freshness,
    look: () => oneByOne(look),
    standing,
    serves,
    released(release) {
      view?.releases.set(release.tenant, release)
    },
    learn: (promotion) => learn([promotion]),
    latest: (tenant) => latest.get(tenant),
  })

  return {
    activeRegion: (tenant) => (tenant.binding === 'region' ? (standing(tenant)?.region ?? null) : null),
    mayServe: serves,
    holds(tenant, { issuerRegion }) {
      if (tenant.binding === 'none') return issuerRegion === place.region
      if (tenant.binding === 'zone') return tenant.homeRegion === place.region
      return standing(tenant)?.region === place.region
    },
    promotedAtMs: (tenant) => latest.get(tenant)?.atMs,
    promote: promote.order,
    list: () => [...all.values()].sort((a, b) => a.tenant.localeCompare(b.tenant) || a.epoch - b.epoch),
    refresh,
    start(intervalMs) {
      let beganMs = clock.monotonic()
      const work = () => {
        beganMs = clock.monotonic()
        return refresh()
      }
      // From beginning to beginning: what the requests take must not make a look older than it may get.
      const pauseMs = () => Math.max(PAUSE_MS_MIN, beganMs + (freshness.proven ? intervalMs : intervalMs / HASTE) - clock.monotonic())
      return repeat(work, pauseMs)
    },
  }
}
