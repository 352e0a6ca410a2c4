import type { ActiveAgent, Tool } from '../../policy/bundle-data.ts'
import type { Tally } from '../../policy/replay/tally.ts'
import type { RecordingKey } from '../recording/sealed.ts'

// What a gateway and its replaying children say to each other. A child has no network and no credentials: objects come in sealed, with
// the region's keys, and nothing but tallies goes out.

/** First: what the child is to judge by. */
export interface Briefing {
  kind: 'briefing'
  wasm: Uint8Array
  agents: ReadonlyMap<string, ActiveAgent>
  tools: ReadonlyMap<string, Tool>
  zones: Readonly<Record<string, readonly string[]>>
  keys: readonly RecordingKey[]
  /** Decisions before are passed over, milliseconds since the epoch. */
  sinceMs: number
}

export interface ObjectToReplay {
  kind: 'object'
  name: string
  stored: Uint8Array
  /** At most so many of its newest decisions. */
  limit: number
}

export type ToChild = Briefing | ObjectToReplay

export type FromChild =
  | { kind: 'ready' }
  /** The candidate cannot be loaded: no object will help. */
  | { kind: 'refused'; fault: string }
  | { kind: 'replayed'; tally: Tally }
  /** The object cannot be read. */
  | { kind: 'unreadable'; fault: string }
