import { hash, randomBytes } from 'node:crypto'
import canonicalize from 'canonicalize'
import type { ToolCall } from '../model/call.ts'
import { AegisError } from '../model/codes.ts'
import type { Clock } from '../model/ports.ts'
import type { Verdict } from '../model/verdict.ts'
import type { KeyEntry, KeyOf, KeyStore } from '../state/idempotency.ts'

export interface BeginKeyed {
  tenant: string
  agent: string
  tool: string
  action: string
  /** As the caller gave it. */
  key: string
  /** See `callKey`. */
  digest: string
  decisionId: string
  /** The call carries an override token: what waits for an approval may go on. */
  hasApproval: boolean
  /** This region keeps the tenant's keys: one that it does not know was never used, unless before a promotion. */
  holds: boolean
  /** The tool itself refuses to act twice on one key. */
  toolIdempotent: boolean
  promotedAtMs?: number
}

/** What a tool answered to a keyed call, as its caller got it. */
export interface StoredResponse {
  status: number
  contentType: string | undefined
  body: Uint8Array
  /** Of a redirect that nobody followed. */
  location?: string
}

/** Decide the call, and say what became of it in this order: finish, forwarding, response. Or give it up. */
export interface NewKeyed {
  state: 'new'
  /** It goes on from a verdict that waits for an approval, and that stands again when this attempt is given up. */
  resumed: boolean
  /** Keeps the verdict. Nothing may be answered before. @throws AegisError state_unavailable, in_progress: another has gone on with the call */
  finish(verdict: Verdict, of?: { open?: boolean }): Promise<void>
  /** Before the first byte leaves. @throws AegisError; then none may */
  forwarding(): Promise<void>
  /** Keeps the answer for the next who asks. Never rejects: without it the outcome is unknown to them. */
  response(response: StoredResponse): Promise<void>
  /** An error was answered and nothing has left. Never rejects. */
  abandon(): Promise<void>
}

/** The call was decided before. `response`: what the tool answered, if it was forwarded by this gateway. */
export interface ReplayedKeyed {
  state: 'replay'
  verdict: Verdict
  response?: StoredResponse
  /** It was decided so lately that its first attempt may be about to forward it. */
  underWay: boolean
}
export type KeyedCall = NewKeyed | ReplayedKeyed

export interface Idempotency {
  /** @throws AegisError idempotency_conflict, in_progress, outcome_unknown, state_unavailable, malformed_call */
  begin(keyed: BeginKeyed): Promise<KeyedCall>
}

export interface IdempotencyOptions {
  repo: KeyStore
  clock: Pick<Clock, 'now'>
  region: string
}

/** How long a key is known. */
export const KEY_KEPT_MS = 24 * 3_600_000
/** A call that has not ended by then has died with its process. Longer than any call may take. */
export const DEAD_AFTER_MS = 60_000
/** Clocks of two regions, and the seconds in which a released region still answered, lie within this. */
const SKEW_MS = 60_000
export const RESPONSE_BYTES_MAX = 64 * 1024
/** An item of DynamoDB has at most 400 KB, the response included. */
const VERDICT_BYTES_MAX = 256 * 1024

/** Visible ASCII, so that it can travel on as a header. */
const KEY = /^[\x21-\x7e]{1,255}$/

/** Makes sure that a keyed call is decided once, and never forwarded twice, whoever repeats it, wherever its process dies. */
export function createIdempotency({ repo, clock, region }: IdempotencyOptions): Idempotency {
  return {
    async begin(keyed) {
      if (!KEY.test(keyed.key)) throw new AegisError('malformed_call', 'an idempotency key has 1 to 255 visible ASCII characters')
      const at = keyOf(keyed)
      const nowMs = clock.now()
      const entry = { digest: keyed.digest, owner: randomBytes(12).toString('base64url'), startedMs: nowMs, expiresMs: nowMs + KEY_KEPT_MS }
      const unsure = !keyed.toolIdempotent && mayBeKnownElsewhere(keyed, nowMs)
      const handle = (back?: { verdict: string }) => handleOf({ repo, clock, at, owner: entry.owner, back })

      if (!unsure && (await answered(repo.begin(at, entry)))) return handle()
      const found = await answered(repo.read(at))
      const seen = found === undefined || found.expiresMs <= nowMs ? undefined : found
      // A write that the SDK has sent twice finds its own first.
      if (seen?.owner === entry.owner) return handle()
      const next = seen === undefined ? 'unknown' : whatNext(seen, keyed, nowMs)
      if (next === 'unknown') {
        if (unsure) throw new AegisError('outcome_unknown', `${region} does not know this key, and another region may have used it`)
        throw new AegisError('in_progress')
      }
      if (next === 'replay') return replayOf(seen, nowMs)
      if (next === 'take_over' && unsure) throw new AegisError('outcome_unknown')
      if (seen === undefined || !(await answered(repo.takeOver(at, seen, entry)))) throw new AegisError('in_progress')
      return handle(next === 'go_on' && seen.verdict !== undefined ? { verdict: seen.verdict } : undefined)
    },
  }
}

/**
 * What an entry means for a call with its key.
 * @throws AegisError idempotency_conflict, in_progress, outcome_unknown
 */
function whatNext(entry: KeyEntry, { digest, hasApproval }: BeginKeyed, nowMs: number): 'replay' | 'go_on' | 'take_over' {
  if (entry.digest !== digest) throw new AegisError('idempotency_conflict')
  if (entry.forwardedMs !== undefined) {
    if (entry.decided && entry.verdict !== undefined && entry.answer !== undefined) return 'replay'
    if (!entry.answerLost && nowMs - entry.forwardedMs < DEAD_AFTER_MS) throw new AegisError('in_progress')
    throw new AegisError('outcome_unknown', 'the call was forwarded, and what the tool answered is not known')
  }
  if (!entry.decided) {
    if (nowMs - entry.startedMs < DEAD_AFTER_MS) throw new AegisError('in_progress')
    return 'take_over'
  }
  return entry.open && hasApproval ? 'go_on' : 'replay'
}

/** Another region may have seen the key: it holds the tenant, or did within the time that a key lives. */
function mayBeKnownElsewhere({ holds, promotedAtMs }: BeginKeyed, nowMs: number): boolean {
  return !holds || (promotedAtMs !== undefined && nowMs < promotedAtMs + KEY_KEPT_MS + SKEW_MS)
}

/** @throws AegisError outcome_unknown when the verdict was not kept */
function replayOf(entry: KeyEntry | undefined, nowMs: number): ReplayedKeyed {
  // Written by this region's own processes, from a verdict: it is not parsed again field by field.
  const verdict: Verdict | undefined = entry?.verdict === undefined ? undefined : JSON.parse(entry.verdict)
  if (verdict === undefined) throw new AegisError('outcome_unknown', 'the call was decided, and its verdict was not kept')
  const { answer, startedMs = 0 } = entry ?? {}
  if (answer === undefined) return { state: 'replay', verdict, underWay: nowMs - startedMs < DEAD_AFTER_MS }
  const { location, ...response } = answer
  return { state: 'replay', verdict, response: location === undefined ? response : { ...response, location }, underWay: false }
}

interface Handle {
  repo: KeyStore
  clock: Pick<Clock, 'now'>
  at: KeyOf
  owner: string
  /** The open verdict that stands again when this attempt is given up. */
  back: { verdict: string } | undefined
}

function handleOf({ repo, clock, at, owner, back }: Handle): NewKeyed {
  const lost = () => new AegisError('in_progress', 'another attempt has gone on with this call')
  return {
    state: 'new',
    resumed: back !== undefined,
    async finish(verdict, { open = false } = {}) {
      const json = JSON.stringify(verdict)
      const kept = Buffer.byteLength(json) <= VERDICT_BYTES_MAX ? json : undefined
      if (!(await answered(repo.decide(at, owner, { verdict: kept, open })))) throw lost()
    },
    async forwarding() {
      if (!(await answered(repo.markForwarding(at, owner, clock.now())))) throw lost()
    },
    async response({ status, contentType, location, body }) {
      const kept = body.byteLength <= RESPONSE_BYTES_MAX ? { status, contentType, location, body } : undefined
      await repo.keepAnswer(at, owner, kept).catch(() => {})
    },
    async abandon() {
      await repo.giveUp(at, owner, back).catch(() => {})
    },
  }
}

/** @returns digest of the call that a key is bound to. An approval belongs to the same call, and a chain only adds to what is known of it. */
export function callKey({ tool, action, arguments: args }: Pick<ToolCall, 'tool' | 'action' | 'arguments'>): string {
  return hash('sha256', canonicalize({ tool, action, arguments: args }) ?? '')
}

function keyOf({ tenant, agent, tool, action, key }: BeginKeyed): KeyOf {
  return { tenant, agent, hash: hash('sha256', JSON.stringify([tool, action, key])) }
}

async function answered<T>(asked: Promise<T>): Promise<T> {
  try {
    return await asked
  } catch (cause) {
    throw new AegisError('state_unavailable', 'whether this keyed call was made before cannot be read', { cause })
  }
}
