import type { Spool } from '../evidence/spool.ts'
import type { Clock } from '../model/ports.ts'
import type { Activation } from './activation.ts'
import type { Health } from './doors/health.ts'

export interface GatewayHealthOptions {
  policies: Pick<Activation, 'current' | 'regionalStateSeenAt'>
  spool: Pick<Spool, 'healthy'>
  clock: Clock
  /** Whether tenants that are pinned to this region are served. It does not make the region unready: others are served all the same. */
  regionBound: () => 'ready' | 'starting'
  /** Whether the kill switches were ever read: before that every call is refused. */
  killsKnown: () => boolean
  /** From this age of bundle or directory on, `ready` says so. */
  warnAgeMs: number
  /** The region is unhealthy when its own table has not answered for this long. */
  stateSilentMs?: number
}

/** Health from memory alone. `leave` is called before the process closes, so that no new call is sent here. */
export function gatewayHealth({
  policies,
  spool,
  clock,
  regionBound,
  killsKnown,
  warnAgeMs,
  stateSilentMs = 5000,
}: GatewayHealthOptions): Health & { leave(): void } {
  let leaving = false
  const ready = () => {
    const active = policies.current()
    return !leaving && active !== undefined && clock.now() < active.notAfterMs && killsKnown()
  }
  return {
    leave() {
      leaving = true
    },
    started: () => policies.current() !== undefined,
    ready,
    region() {
      const seenAt = policies.regionalStateSeenAt()
      return ready() && spool.healthy && seenAt !== undefined && clock.monotonic() - seenAt < stateSilentMs
    },
    describe() {
      const active = policies.current()
      if (active === undefined) return { policy_version: null }
      const ageMs = Math.max(0, clock.now() - active.issuedAtMs)
      return {
        policy_version: active.revision,
        region_bound: regionBound(),
        bundle_seq: active.bundleSeq,
        directory_seq: active.directorySeq,
        age_s: Math.round(ageMs / 1000),
        expires_in_s: Math.round((active.notAfterMs - clock.now()) / 1000),
        old: ageMs >= warnAgeMs,
      }
    },
  }
}
