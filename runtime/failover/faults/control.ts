import type { Profile } from '../profile.ts'

/**
 * What a drill needs of the system under test. `faults/fabric.ts` speaks to a fabric on this machine.
 * All times are milliseconds since the epoch on the drill's own clock: a driver translates.
 */
export interface FabricControl {
  readonly profile: Profile
  /** Every serving region with its zone. */
  readonly regions: readonly { region: string; zone: string }[]
  /** Public names by zone, and `global`. */
  readonly names: Readonly<Record<string, string>>
  /** URL of the proxy that stands for a client at a place. */
  readonly wan: Readonly<Record<string, string>>
  /** What runs: versions, digest of the templates. For the report. */
  readonly about: Readonly<Record<string, string>>
  /** Bearer tokens by agent. Read anew for each round, as they expire. */
  tokens(): Promise<Record<string, string>>
  /** Kills every process of a region, or `control-plane`, at once. `restoreAfterMs`: the fabric undoes it by itself, should the drill die. */
  killRegion(region: string, restoreAfterMs: number): Promise<FaultMark>
  /** Starts what was killed, resolves when the region is ready. Does nothing to a region that is up. */
  restoreRegion(region: string): Promise<FaultMark>
  /** What the control plane says of its publications; undefined when it does not answer. */
  publication(): Promise<Publication | undefined>
  /** Has the control plane publish what is active under a new number. Resolves when it has written that down. */
  publishAnew(): Promise<void>
  /** State of every region's health check, as DNS sees it. */
  health(): Promise<HealthState[]>
  /** What happened after an earlier position, oldest first. */
  events(after: number): Promise<{ last: number; events: FabricEvent[] }>
  /** Regions in the authoritative answer for a name, asked from a place, now. */
  dnsAnswer(name: string, place: string): Promise<string[]>
}

export interface FaultMark {
  /** Just before the first process was touched. */
  atMs: number
  /** All killed, or all ready. */
  doneAtMs: number
  /** Names of the processes. */
  processes: string[]
}

export interface Publication {
  /** Number of what the drill had published last. Absent: nothing yet. */
  orderedSeq?: number
  /** The least number that any gateway of a region serves; null when none says so. `error`: why the region could not be brought what it is to have. */
  regions: { region: string; servedSeq: number | null; error: string | null }[]
}

export interface HealthState {
  region: string
  state: 'healthy' | 'unhealthy'
  sinceMs: number
}

export type FabricEvent =
  | { type: 'health'; atMs: number; region: string; state: 'healthy' | 'unhealthy' }
  | { type: 'process'; atMs: number; region?: string; name: string; event: string }
