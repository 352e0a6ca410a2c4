import { randomBytes } from 'node:crypto'
import type { Heartbeat } from '../../state/heartbeats.ts'
import type { Promotion } from '../../state/promotions.ts'
import { promotionKey } from './standing.ts'

/** One look at everything, and when it began. */
export interface Look {
  /** Milliseconds of the monotonic clock and since the epoch. */
  monotonicMs: number
  wallMs: number
  /** The other regions of the zone. */
  peers: readonly string[]
  /** By region. */
  heartbeats: ReadonlyMap<string, Heartbeat>
  /** What this region's processes last knew to be fresh: by tenant, or `*` for all. Milliseconds since the epoch. */
  freshAtMs: ReadonlyMap<string, number>
  promotions: readonly Promotion[]
}

/** The scope of freshness that covers every tenant. */
export const EVERY_TENANT = '*'

/**
 * A process may go on where it, or another of its region, left off so long ago. After a longer absence the world may have taken the region
 * for lost, so it must prove itself anew.
 */
export const RESUMED_MS_MAX = 5000

/**
 * Whether this process knows what its zone has decided while it was away. It knows once every other region of the zone that has ever run
 * repeats this process' own random name: the heartbeat that does so also says what was promoted, and was written after this process began.
 * No clock of another region is consulted. Once known, it stays known without anybody's help, as long as this process keeps looking.
 */
export class Freshness {
  #here: string
  #settleMs: number
  #challenge = newChallenge()
  #sinceMs: number | undefined
  #settledAtMs = Number.POSITIVE_INFINITY
  #vouched = new Set<string>()
  #baseline: ReadonlySet<string> | undefined
  #last: { monotonicMs: number; wallMs: number } | undefined

  /** @param settleMs how long the other regions' processes may still serve what they do not yet know to be promoted elsewhere */
  constructor(here: string, settleMs: number) {
    this.#here = here
    this.#settleMs = settleMs
  }

  /** What this process wants to hear back. */
  get challenge(): string {
    return this.#challenge
  }

  get proven(): boolean {
    return this.#sinceMs !== undefined
  }

  get vouched(): ReadonlySet<string> {
    return this.#vouched
  }

  /** Proven, and for so long that every process of the other regions has heard of this region's promotions. */
  settled(monotonicMs: number): boolean {
    return monotonicMs >= this.#settledAtMs
  }

  /** The operator's word, given after this process began, that no other region serves the tenant. */
  vouch(tenant: string): void {
    this.#vouched.add(tenant)
  }

  /** @param byPromotion the tenant was promoted to this region, so another may have served it before */
  covers(tenant: string, byPromotion: boolean, monotonicMs: number): boolean {
    return this.#vouched.has(tenant) || (byPromotion ? this.settled(monotonicMs) : this.proven)
  }

  look(look: Look): void {
    if (this.#last !== undefined && gapMs(this.#last, look) > RESUMED_MS_MAX) this.#lapse()
    this.#last = look
    const orders = look.promotions.filter(({ homeLost, region }) => homeLost && region === this.#here)
    // Orders of this kind are written by this region itself, so at the first look each one from before this start is there.
    this.#baseline ??= new Set(orders.map(promotionKey))
    for (const order of orders) if (!this.#baseline.has(promotionKey(order))) this.#vouched.add(order.tenant)
    for (const [scope, atMs] of look.freshAtMs) if (Math.abs(look.wallMs - atMs) <= RESUMED_MS_MAX) this.#inherit(scope, look)
    if (this.#sinceMs === undefined) this.#prove(look)
  }

  #inherit(scope: string, { monotonicMs }: Look): void {
    if (scope !== EVERY_TENANT) this.#vouched.add(scope)
    else {
      this.#sinceMs ??= monotonicMs
      this.#settledAtMs = Math.min(this.#settledAtMs, monotonicMs)
    }
  }

  #prove({ peers, heartbeats, monotonicMs }: Look): void {
    // A region that has never written has never run, and so has promoted nobody.
    const ran = peers.filter((peer) => heartbeats.has(peer))
    if (!ran.every((peer) => heartbeats.get(peer)?.seen.get(this.#here)?.includes(this.#challenge))) return
    this.#sinceMs = monotonicMs
    this.#settledAtMs = ran.length === 0 ? monotonicMs : monotonicMs + this.#settleMs
  }

  #lapse(): void {
    this.#challenge = newChallenge()
    this.#sinceMs = undefined
    this.#settledAtMs = Number.POSITIVE_INFINITY
    this.#vouched.clear()
    this.#baseline = undefined
  }
}

const newChallenge = () => randomBytes(9).toString('base64url')

/** By whichever clock says more: a machine that was put to sleep may notice by one of them only. */
function gapMs(from: { monotonicMs: number; wallMs: number }, to: { monotonicMs: number; wallMs: number }): number {
  return Math.max(to.monotonicMs - from.monotonicMs, to.wallMs - from.wallMs)
}
