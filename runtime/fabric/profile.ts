/** How time runs in the fabric: as the templates say, or ten times faster where Route 53 and resolvers wait. */
export type Profile = 'deployed' | 'compressed'

const DIVISOR: Record<Profile, number> = { deployed: 1, compressed: 10 }

/** Seconds between two probes, in this profile. Thresholds count probes and are never scaled. */
export function intervalMs(profile: Profile, templateS: number): number {
  return (templateS * 1000) / DIVISOR[profile]
}

/** A TTL in whole seconds, as it goes over the wire: at least 1, except that 0 stays 0 (do not cache). */
export function ttlS(profile: Profile, templateS: number): number {
  return templateS === 0 ? 0 : Math.max(1, Math.round(templateS / DIVISOR[profile]))
}
