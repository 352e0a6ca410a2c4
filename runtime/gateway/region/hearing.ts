import type { Heartbeat } from '../../state/heartbeats.ts'
import type { Promotion } from '../../state/promotions.ts'
import { RESUMED_MS_MAX } from './freshness.ts'
import { outranks, promotionKey } from './standing.ts'

/** Silent for so long, a region cannot just go on: whatever starts there has to hear from its zone first. */
const SILENT_MS = RESUMED_MS_MAX + 1000
/** Orders older than this were heard by everybody, or by nobody who has not to prove itself. */
const OLD_MS = 15_000

export interface Hears {
  monotonicMs: number
  wallMs: number
  peers: readonly string[]
  heartbeats: ReadonlyMap<string, Heartbeat>
  /** In force, as far as this region knows. */
  promotions: Iterable<Promotion>
}

/**
 * A region that is promoted on an operator's word does not serve before each other region of the zone has either said that it knows, for
 * long enough that all its processes do, or has been silent. So a mistaken word costs seconds, as long as regions hear of each other.
 */
export class Hearing {
  #here: string
  #settleMs: number
  #beats = new Map<string, { beat: number; sinceMs: number }>()
  /** By promotion and region. */
  #knownSinceMs = new Map<string, number>()
  #heard = new Set<string>()
  #first = true

  constructor(here: string, settleMs: number) {
    this.#here = here
    this.#settleMs = settleMs
  }

  /** Whether the tenant may be served on this promotion. */
  heard(promotion: Promotion): boolean {
    return !promotion.homeLost || this.#heard.has(promotionKey(promotion))
  }

  look({ monotonicMs, wallMs, peers, heartbeats, promotions }: Hears): void {
    for (const peer of peers) {
      const beat = heartbeats.get(peer)?.beat ?? 0
      if (this.#beats.get(peer)?.beat !== beat) this.#beats.set(peer, { beat, sinceMs: monotonicMs })
    }
    for (const promotion of promotions) {
      if (!promotion.homeLost || promotion.region !== this.#here || this.heard(promotion)) continue
      const old = this.#first && wallMs - promotion.atMs > OLD_MS
      if (old || peers.every((peer) => this.#hasHeard(peer, promotion, heartbeats.get(peer), monotonicMs)))
        this.#heard.add(promotionKey(promotion))
    }
    this.#first = false
  }

  #hasHeard(peer: string, promotion: Promotion, heartbeat: Heartbeat | undefined, monotonicMs: number): boolean {
    if (heartbeat === undefined) return true
    if (monotonicMs - (this.#beats.get(peer)?.sinceMs ?? monotonicMs) >= SILENT_MS) return true
    const said = heartbeat.promotions.find(({ tenant }) => tenant === promotion.tenant)
    if (said === undefined || outranks(promotion, said)) return false
    const key = `${promotionKey(promotion)} ${peer}`
    const sinceMs = this.#knownSinceMs.get(key) ?? monotonicMs
    this.#knownSinceMs.set(key, sinceMs)
    return monotonicMs - sinceMs >= this.#settleMs
  }
}
