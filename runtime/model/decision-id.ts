import { randomBytes, randomFillSync } from 'node:crypto'

/** Name of one gateway process, for as long as it lives: 12 lower-case hex digits. */
export function newNode(): string {
  return randomBytes(6).toString('hex')
}

// Each request for random bytes costs some microseconds, however few they are: a pool serves many ids.
const RANDOM_BYTES = 10
const POOL_BYTES = 400 * RANDOM_BYTES
const pool = Buffer.alloc(POOL_BYTES)
let taken = POOL_BYTES

/**
 * An id of version 8 (RFC 9562, section 5.8): 74 random bits, and the process that decided in its last 12 digits. Whoever gets a report
 * about a decision so knows whose memory it is about. An id authenticates nothing: who may speak about a decision is checked.
 */
export function newDecisionId(node: string): string {
  if (taken === POOL_BYTES) {
    randomFillSync(pool)
    taken = 0
  }
  pool[taken + 6] = 0x80 | ((pool[taken + 6] ?? 0) & 0x0f)
  pool[taken + 8] = 0x80 | ((pool[taken + 8] ?? 0) & 0x3f)
  const hex = pool.toString('hex', taken, taken + RANDOM_BYTES)
  taken += RANDOM_BYTES
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${node}`
}

const DECISION_ID = /^[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-[89ab][0-9a-f]{3}-([0-9a-f]{12})$/

/** @returns the process that made a decision, or undefined when the text is no decision id */
export function nodeOf(decisionId: string): string | undefined {
  return DECISION_ID.exec(decisionId)?.[1]
}
