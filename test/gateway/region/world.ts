import { createHomes, type Homes } from '../../../runtime/gateway/region/homes.ts'
import { outranks, promotionKey } from '../../../runtime/gateway/region/standing.ts'
import { AegisError } from '../../../runtime/model/codes.ts'
import type { Tenant } from '../../../runtime/model/zones.ts'
import type { Heartbeat, HeartbeatStore } from '../../../runtime/state/heartbeats.ts'
import type { Promotion, PromotionStore, RegionRowStore, Release } from '../../../runtime/state/promotions.ts'

// The regions of one zone in virtual time: processes that poll, requests that take a while, replication that keeps no order, links that are
// cut. After everything that happens, the world looks which regions would serve the tenant.

export const REGIONS = ['eu-a', 'eu-b', 'eu-c']
export const tenant: Tenant = { id: 'clinic', zone: 'eu', homeRegion: 'eu-a', binding: 'region', mode: 'enforce', residency: 'enforce' }

export interface Process {
  region: string
  homes: Homes
  alive: boolean
}

interface Region {
  region: string
  rows: { releases: Map<string, Release>; fresh: Map<string, number> }
  promotions: Map<string, Promotion>
  heartbeats: Map<string, Heartbeat>
  processes: Process[]
  /** Since when no process runs, or none gets an answer. */
  downSinceMs: number
  /** Requests of its processes hang until then. */
  stalledUntilMs: number
}

export class World {
  nowMs = 1_000_000
  readonly regions: Region[]
  readonly cut = new Set<string>()
  /** Regions of the zone that the directory calls absent. */
  absent: ReadonlySet<string> = new Set()
  /** Promotions take so much longer than heartbeats: items of one table keep no order among each other. */
  promotionLagMs = 0
  replicationMsMax = 1500
  /** A request that a process sends lands within this time, though the process be dead by then. */
  latencyMsMax = 400
  /** What went wrong first. */
  violation: string | undefined
  #timers: { atMs: number; order: number; run: () => void }[] = []
  #order = 0
  #held: { from: string; to: string; apply: () => void; lagMs: number }[] = []
  #random: () => number

  constructor(seed: number, regions: readonly string[] = REGIONS) {
    this.#random = randomOf(seed)
    this.regions = regions.map((region) => ({
      region,
      rows: { releases: new Map(), fresh: new Map() },
      promotions: new Map(),
      heartbeats: new Map(),
      processes: [],
      downSinceMs: this.nowMs,
      stalledUntilMs: 0,
    }))
  }

  region(name: string): Region {
    const found = this.regions.find(({ region }) => region === name)
    if (found === undefined) throw new Error(`no region ${name}`)
    return found
  }

  /** @param pauseMs at most so long between two looks */
  boot(name: string, pauseMs = 1000): Process {
    const of = this.region(name)
    const process: Process = { region: name, alive: true, homes: undefined as never }
    process.homes = createHomes({
      place: { region: name, zone: 'eu' },
      clock: { now: () => this.nowMs, monotonic: () => this.nowMs - 900_000 },
      active: () => ({
        zones: { eu: this.regions.map(({ region }) => region) },
        absent: this.absent,
        tenants: new Map([[tenant.id, tenant]]),
      }),
      rows: this.#rows(of, process),
      promotions: this.#promotions(of, process),
      heartbeats: this.#heartbeats(of, process),
      log: () => {},
      sleep: (ms) => this.sleep(ms),
    })
    of.processes.push(process)
    void this.#pollForever(process, pauseMs)
    return process
  }

  kill(process: Process): void {
    process.alive = false
    const of = this.region(process.region)
    of.processes = of.processes.filter((other) => other !== process)
    if (of.processes.length === 0) of.downSinceMs = this.nowMs
  }

  /** The tables of a region give no answer for a while. */
  stall(name: string, ms: number): void {
    const of = this.region(name)
    if (this.nowMs >= of.stalledUntilMs) of.downSinceMs = this.nowMs
    of.stalledUntilMs = Math.max(of.stalledUntilMs, this.nowMs + ms)
  }

  /**
   * Whether an operator may call a region lost: nothing of it has run for `forMs`, and if its processes come back to life by themselves,
   * then after so long that they have to prove themselves.
   */
  lost(name: string, forMs: number): boolean {
    const { processes, downSinceMs, stalledUntilMs } = this.region(name)
    const away = processes.length === 0 || stalledUntilMs - downSinceMs > 12_000
    return away && this.nowMs - downSinceMs >= forMs && (processes.length === 0 || this.nowMs < stalledUntilMs)
  }

  /** Cuts a region off, or joins it again. */
  isolate(name: string, apart: boolean): void {
    for (const { region } of this.regions) if (region !== name) this.link(name, region, !apart)
  }

  link(a: string, b: string, up: boolean): void {
    const name = [a, b].sort().join(' ')
    if (!up) this.cut.add(name)
    else {
      this.cut.delete(name)
      const held = this.#held
      this.#held = []
      for (const { from, to, apply, lagMs } of held) this.#replicate(from, to, apply, lagMs)
    }
  }

  serving(): string[] {
    return this.regions.filter(({ processes }) => processes.some(({ homes }) => homes.mayServe(tenant).ok)).map(({ region }) => region)
  }

  /** Regions that serve or were told to: whoever says that another is lost says that these are gone. */
  entitled(): string[] {
    const promotions = this.regions.flatMap(({ promotions }) => [...promotions.values()])
    let last = promotions[0]
    for (const promotion of promotions) if (last !== undefined && outranks(promotion, last)) last = promotion
    const releases = this.regions.flatMap(({ rows }) => [...rows.releases.values()]).filter(({ epoch }) => epoch > (last?.epoch ?? 0))
    return [last?.region ?? tenant.homeRegion ?? '', ...releases.map(({ to }) => to)]
  }

  /** @returns what became of the order, once it has become of it */
  order(process: Process, region: string, homeLost: boolean): Promise<Promotion | AegisError> {
    return process.homes.promote({ tenant: tenant.id, region, homeLost, by: 'operator' }).catch((error) => {
      if (error instanceof AegisError) return error
      throw error
    })
  }

  sleep(ms: number): Promise<void> {
    return new Promise((run) => this.#timers.push({ atMs: this.nowMs + ms, order: this.#order++, run }))
  }

  async advance(ms: number): Promise<void> {
    const untilMs = this.nowMs + ms
    for (;;) {
      await settle()
      this.#check()
      let next = this.#timers[0]
      for (const timer of this.#timers) {
        if (next !== undefined && (timer.atMs < next.atMs || (timer.atMs === next.atMs && timer.order < next.order))) next = timer
      }
      if (next === undefined || next.atMs > untilMs) break
      this.#timers.splice(this.#timers.indexOf(next), 1)
      this.nowMs = Math.max(this.nowMs, next.atMs)
      next.run()
    }
    this.nowMs = untilMs
    this.#check()
  }

  #check(): void {
    const serving = this.serving()
    if (serving.length > 1) this.violation ??= `${serving.join(' and ')} serve at ${this.nowMs}`
  }

  async #pollForever(process: Process, pauseMs: number): Promise<void> {
    while (process.alive) {
      await process.homes.refresh()
      await this.sleep(pauseMs * (0.3 + this.#random() * 0.7))
    }
  }

  /** A request on its way, its effect, and the answer on its way back, which the dead do not hear. */
  async #request<T>(process: Process, effect: () => T): Promise<T> {
    const latencyMs = this.#random() * (this.latencyMsMax / 2)
    if (!process.alive) return new Promise(() => {})
    await this.sleep(Math.max(latencyMs, this.region(process.region).stalledUntilMs - this.nowMs))
    const answer = effect()
    await this.sleep(this.#random() * (this.latencyMsMax / 2))
    return process.alive ? answer : new Promise(() => {})
  }

  #replicate(from: string, to: string, apply: () => void, lagMs = 0): void {
    void this.sleep(lagMs + this.#random() * this.replicationMsMax).then(() => {
      if (this.cut.has([from, to].sort().join(' '))) this.#held.push({ from, to, apply, lagMs })
      else apply()
    })
  }

  #everywhere(from: Region, apply: (at: Region) => void, lagMs = 0): void {
    apply(from)
    for (const to of this.regions) if (to !== from) this.#replicate(from.region, to.region, () => apply(to), lagMs)
  }

  #rows({ rows }: Region, process: Process): RegionRowStore {
    return {
      readAll: () => this.#request(process, () => ({ releases: [...rows.releases.values()], freshAtMs: new Map(rows.fresh) })),
      release: (release) =>
        this.#request(process, () => {
          const standing = rows.releases.get(release.tenant)
          if (standing !== undefined && standing.epoch >= release.epoch) return false
          rows.releases.set(release.tenant, release)
          return true
        }),
      renewFreshness: (scope, atMs) => this.#request(process, () => void rows.fresh.set(scope, atMs)),
    }
  }

  #promotions(of: Region, process: Process): PromotionStore {
    return {
      readAll: () => this.#request(process, () => [...of.promotions.values()]),
      insert: (promotion) =>
        this.#request(process, () => {
          if (of.promotions.has(promotionKey(promotion))) return false
          this.#everywhere(of, (at) => at.promotions.set(promotionKey(promotion), promotion), this.promotionLagMs)
          return true
        }),
    }
  }

  #heartbeats(of: Region, process: Process): HeartbeatStore {
    return {
      readAll: () => this.#request(process, () => [...of.heartbeats.values()]),
      write: (heartbeat) =>
        this.#request(process, () => {
          if ((of.heartbeats.get(heartbeat.region)?.beat ?? 0) !== heartbeat.beat - 1) return false
          this.#everywhere(of, (at) => {
            if ((at.heartbeats.get(heartbeat.region)?.beat ?? 0) < heartbeat.beat) at.heartbeats.set(heartbeat.region, heartbeat)
          })
          return true
        }),
    }
  }
}

/** Long enough for every promise that is already settled to be acted on. */
async function settle(): Promise<void> {
  for (let i = 0; i < 40; i++) await Promise.resolve()
}

/** mulberry32 (Tommy Ettinger, public domain). */
function randomOf(seed: number): () => number {
  let state = seed
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let t = Math.imul(state ^ (state >>> 15), 1 | state)
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296
  }
}
