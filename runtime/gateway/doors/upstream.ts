import type { JsonObject, ToolCall } from '../../model/call.ts'
import { AegisError } from '../../model/codes.ts'
import type { Dialer, DialResponse } from '../../model/ports.ts'
import type { Route, Verdict } from '../../model/verdict.ts'
import type { Decided, ToolOutcome } from '../enforcer.ts'
import { NotConnectedError } from '../net/dialer.ts'
import { type Leaving, toolRequest, type UpstreamRequest, webRequest } from './upstream-request.ts'

/** How much a tool may answer. */
const RESPONSE_BYTES_MAX = 8 * 1024 * 1024

/** Headers of the credentials that a tool is called with, by the registry's `credential_ref`; undefined when there are none. */
export type CredentialSource = (ref: string) => Record<string, string> | undefined

export interface Exchange {
  request: UpstreamRequest
  response: DialResponse
}

export interface Upstream {
  dialer: Dialer
  credentials: CredentialSource
}

/**
 * Forwards one decided call, once its evidence is on disk, and settles it by what became of it.
 *
 * @param urlAt JSON Pointer to the destination, for an action that has it among its arguments
 * @throws AegisError; upstream_failed when there is no answer that can be handed on
 */
export async function forward(
  decided: Decided,
  route: Route,
  call: ToolCall,
  urlAt: string | undefined,
  { dialer, credentials, timeoutMs }: Upstream & { timeoutMs: number },
): Promise<Exchange> {
  const request = await ready(decided, route, call, urlAt, credentials)
  try {
    const response = await dialer.dial({ ...request, timeoutMs, maxResponseBytes: RESPONSE_BYTES_MAX })
    refuseUnfit(response)
    decided.settle(outcomeOf(response.status))
    return { request, response }
  } catch (error) {
    decided.settle(error instanceof NotConnectedError ? 'not_executed' : 'unknown')
    throw new AegisError('upstream_failed', undefined, { cause: error })
  }
}

/** The effect waits for its evidence: a crash between the two must not leave a call that nobody can account for. */
async function ready(
  decided: Decided,
  route: Route,
  call: ToolCall,
  urlAt: string | undefined,
  credentials: CredentialSource,
): Promise<UpstreamRequest> {
  try {
    const { verdict, attestation } = decided
    const leaving: Leaving = { call, arguments: leavingArguments(decided), route, decisionId: verdict.decision_id, attestation }
    const request = decided.urlAction ? webRequest(leaving, named(urlAt)) : toolRequest(leaving, credentialsOf(decided, credentials))
    await decided.recorded()
    await decided.forwarding()
    return request
  } catch (error) {
    decided.settle('not_executed')
    throw error
  }
}

/** What may leave by this verdict, and where to; undefined when nothing may. */
export function routeOf({ enforced, route }: Verdict): Route | undefined {
  return enforced === 'allow' || enforced === 'sanitize' ? route : undefined
}

/** The original is never forwarded in place of what was rewritten. */
function leavingArguments({ verdict, arguments: judged }: Decided): JsonObject {
  if (verdict.enforced !== 'sanitize') return judged
  if (verdict.arguments === undefined) throw new AegisError('internal_error')
  return verdict.arguments
}

function named(urlAt: string | undefined): string {
  if (urlAt === undefined) throw new AegisError('internal_error')
  return urlAt
}

function credentialsOf({ credentialRef }: Decided, credentials: CredentialSource): Record<string, string> {
  return (credentialRef === null ? undefined : credentials(credentialRef)) ?? {}
}

/** What a final status says of the effect. After a server's error nobody knows, and what nobody knows counts as done. */
function outcomeOf(status: number): ToolOutcome {
  if (status >= 500) return 'unknown'
  return status >= 400 ? 'not_executed' : 'executed'
}

/** @throws when the tool has acted or not, and said neither (RFC 9110, section 15), or answered in a coding that nobody here reads */
function refuseUnfit({ status, headers, body }: DialResponse): void {
  if (status < 200 || status > 599) throw new Error(`the tool answered with status ${status}`)
  const coding = headers['content-encoding']?.trim().toLowerCase() ?? ''
  if (body.length > 0 && coding !== '' && coding !== 'identity')
    throw new Error('the tool answered in a content coding that was not asked for')
}
