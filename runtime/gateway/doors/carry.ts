import type { ToolCall } from '../../model/call.ts'
import { AegisError } from '../../model/codes.ts'
import type { DialResponse } from '../../model/ports.ts'
import type { Verdict } from '../../model/verdict.ts'
import type { Arrival } from '../arrival.ts'
import type { Decided, Enforcer } from '../enforcer.ts'
import { type Redirect, redirectOf } from './redirect.ts'
import { forward, routeOf, type Upstream } from './upstream.ts'
import { withUrl } from './upstream-request.ts'

/** How long a tool may take, all redirects included. */
const TOOL_TIMEOUT_MS = 10_000
const REDIRECTS_MAX = 3

/** What the agent is answered. */
export interface Answer {
  status: number
  contentType: string | undefined
  body: Uint8Array
  /** Where a redirect that nobody followed points. */
  location?: string
}

export interface Carried {
  /** Of the call, or of the last place that it was redirected to. */
  verdict: Verdict
  /** Undefined: the verdict forwards nothing. */
  answer: Answer | undefined
}

export interface Carrier extends Upstream {
  enforcer: Enforcer
  /** Begins a call of its own for a redirect. */
  next: () => Arrival
}

/**
 * Decides a call and does what the verdict says, through at most three redirects, each decided like a call of its own: a host that may be
 * asked does not choose who is asked next.
 * @throws AegisError
 */
export async function carry(call: ToolCall, arrival: Arrival, carrier: Carrier): Promise<Carried> {
  const { enforcer } = carrier
  const first = await enforcer.decide(arrival, call)
  if (first.replay !== undefined) return { verdict: first.verdict, answer: first.replay }
  const carried = await follow({ decided: first, call, urlAt: urlPointer(call, arrival) }, carrier)
  // Under a key, the same call gets the same answer, which is the one at the end of all redirects.
  if (routeOf(first.verdict) !== undefined) await first.responded(carried.answer ?? refusal(carried.verdict))
  return carried
}

interface Hop {
  decided: Decided
  call: ToolCall
  urlAt: string | undefined
}

async function follow(from: Hop, carrier: Carrier): Promise<Carried> {
  const untilMs = performance.now() + TOOL_TIMEOUT_MS
  let hop = from
  for (let redirects = 0; ; redirects++) {
    const { decided, call, urlAt } = hop
    const route = routeOf(decided.verdict)
    if (route === undefined) {
      if (decided.redeemed) await decided.recorded()
      return { verdict: decided.verdict, answer: undefined }
    }
    const timeoutMs = Math.max(1, untilMs - performance.now())
    const exchange = await forward(decided, route, call, urlAt, { ...carrier, timeoutMs })
    const redirect = decided.urlAction ? redirectOf(exchange.request, exchange.response) : undefined
    if (redirect?.followed !== true || urlAt === undefined)
      return { verdict: decided.verdict, answer: answerOf(exchange.response, redirect) }
    if (redirects === REDIRECTS_MAX) throw new AegisError('upstream_failed', 'the destination redirects too often')
    const following = redirectedCall(hop, urlAt, redirect)
    hop = { decided: await carrier.enforcer.decide(carrier.next(), following), call: following, urlAt }
  }
}

/** The arguments that left, with another destination. Neither the key nor the approval of the first call is about this one. */
function redirectedCall({ decided, call }: Hop, urlAt: string, { url }: Redirect): ToolCall {
  const args = withUrl(decided.verdict.arguments ?? decided.arguments, urlAt, url)
  const { approval: _approval, idempotencyKey: _key, ...rest } = call
  return { ...rest, arguments: args, bytes: Buffer.byteLength(JSON.stringify(args)) }
}

function urlPointer({ tool, action }: ToolCall, { admitted }: Arrival): string | undefined {
  return admitted?.policy.tools.get(tool)?.actions.get(action)?.roles.url
}

/** RFC 9110, section 5.5: what else stands in a type would make the whole answer unsendable. */
const FIELD_VALUE = /^[\x20-\x7e]*$/

function answerOf({ status, headers, body }: DialResponse, redirect: Redirect | undefined): Answer {
  const type = headers['content-type']
  return {
    status,
    contentType: type !== undefined && FIELD_VALUE.test(type) ? type : undefined,
    body,
    ...(redirect !== undefined && { location: redirect.url }),
  }
}

function refusal(verdict: Verdict): Answer {
  return { status: 403, contentType: 'application/json; charset=utf-8', body: Buffer.from(JSON.stringify(verdict)) }
}
