import type { JsonObject, JsonValue, ToolCall } from '../../model/call.ts'
import { AegisError } from '../../model/codes.ts'
import type { DialRequest } from '../../model/ports.ts'
import type { Route } from '../../model/verdict.ts'
import { pointerSegments } from '../../policy/arguments.ts'
import { ATTESTATION_HEADER } from '../attestation-header.ts'
import { canonicalUrl } from '../net/destination.ts'

/** What leaves, without the limits of the connection. */
export type UpstreamRequest = Pick<DialRequest, 'url' | 'method' | 'headers' | 'body' | 'addresses'>

export interface Leaving {
  call: Pick<ToolCall, 'action' | 'idempotencyKey'>
  /** The arguments that were judged last: the only ones that may leave. */
  arguments: JsonObject
  route: Route
  decisionId: string
  /** See `Decided`. */
  attestation: string | undefined
}

/** Content is never decoded on its way: asked for plain, and refused otherwise. */
const PLAIN = { 'accept-encoding': 'identity' }

/**
 * A call of a tool with endpoints: its action below the endpoint, the arguments as JSON.
 * @param credentials headers of the tool's own credentials; none of the gateway's headers gives way to them
 */
export function toolRequest(
  { call, arguments: args, route, decisionId, attestation }: Leaving,
  credentials: Record<string, string>,
): UpstreamRequest {
  return {
    url: new URL(`${route.endpoint.replace(/\/$/, '')}/${encodeURIComponent(call.action)}`),
    method: 'POST',
    headers: {
      ...lowerCased(credentials),
      'content-type': 'application/json',
      accept: 'application/json',
      ...PLAIN,
      'aegis-decision-id': decisionId,
      ...keyHeader(call.idempotencyKey),
      ...attestationHeader(attestation),
    },
    body: Buffer.from(JSON.stringify(args)),
    addresses: route.addresses,
  }
}

/** Methods of a request that an agent describes. CONNECT and TRACE are about the connection, which is not the agent's. */
const METHODS = new Set(['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'])
const BODILESS = new Set(['GET', 'HEAD'])

/** All that an agent may say in a request's headers. The rest identifies, routes or frames, and would speak for the gateway. */
const REQUEST_HEADERS = new Set(['accept', 'accept-language', 'content-language', 'content-type', 'if-modified-since', 'if-none-match'])
/** RFC 9110, section 5.5: a value that could begin another header is none. */
const FIELD_VALUE = /^[\x20-\x7e]{0,4096}$/

/**
 * The request that the arguments describe, for an action whose destination is an argument: `method` (GET), `headers`, `body`. It goes without any
 * credentials, because a list of hosts is no list of who may see them.
 *
 * @param urlAt JSON Pointer to the destination
 * @throws AegisError malformed_call when the arguments describe no request that may leave; internal_error when they lead elsewhere than the route
 */
export function webRequest({ call, arguments: args, route, attestation }: Leaving, urlAt: string): UpstreamRequest {
  const method = text(args.method ?? 'GET', 'method')
  if (!METHODS.has(method)) throw new AegisError('malformed_call', 'the method is not one that is forwarded')
  if (args.body !== undefined && BODILESS.has(method)) throw new AegisError('malformed_call', `a ${method} request has no body`)
  const body = args.body === undefined ? undefined : Buffer.from(text(args.body, 'body'))
  const headers = agentHeaders(args.headers)
  return {
    url: destination(textAt(args, urlAt), route),
    method,
    headers: {
      ...(body !== undefined && { 'content-type': 'text/plain;charset=utf-8' }),
      ...headers,
      ...PLAIN,
      ...keyHeader(call.idempotencyKey),
      ...attestationHeader(attestation),
    },
    ...(body !== undefined && { body }),
    addresses: route.addresses,
  }
}

/** The same arguments with another destination. */
export function withUrl(args: JsonObject, urlAt: string, url: string): JsonObject {
  const replace = (value: JsonObject, [segment = '', ...rest]: readonly string[]): JsonObject => {
    const inner = value[segment]
    return { ...value, [segment]: rest.length === 0 || !isObject(inner) ? url : replace(inner, rest) }
  }
  return replace(args, pointerSegments(urlAt))
}

/** The route was checked for one origin. Rewriting may have changed the path, and must not have changed where it is. */
function destination(url: string | undefined, route: Route): URL {
  const canonical = url === undefined ? undefined : canonicalUrl(url)
  if (canonical === undefined || canonical.origin !== new URL(route.endpoint).origin)
    throw new AegisError('internal_error', 'the destination is not the one that was checked')
  return canonical
}

function agentHeaders(given: JsonValue | undefined): Record<string, string> {
  if (given === undefined) return {}
  if (!isObject(given)) throw new AegisError('malformed_call', 'headers is not an object')
  const headers: Record<string, string> = {}
  for (const [givenName, value] of Object.entries(given)) {
    const name = givenName.toLowerCase()
    if (!REQUEST_HEADERS.has(name)) throw new AegisError('malformed_call', 'a header is not one that is forwarded')
    if (Object.hasOwn(headers, name)) throw new AegisError('malformed_call', `the header ${name} comes more than once`)
    if (typeof value !== 'string' || !FIELD_VALUE.test(value))
      throw new AegisError('malformed_call', `the header ${name} is no header value`)
    headers[name] = value
  }
  return headers
}

function keyHeader(key: string | undefined): Record<string, string> {
  if (key === undefined) return {}
  if (!FIELD_VALUE.test(key)) throw new AegisError('malformed_call', 'the idempotency key is no header value')
  return { 'idempotency-key': key }
}

function attestationHeader(attestation: string | undefined): Record<string, string> {
  return attestation === undefined ? {} : { [ATTESTATION_HEADER]: attestation }
}

function lowerCased(headers: Record<string, string>): Record<string, string> {
  return Object.fromEntries(Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value]))
}

function textAt(args: JsonObject, pointer: string): string | undefined {
  let found: JsonValue | undefined = args
  for (const segment of pointerSegments(pointer)) found = isObject(found) && Object.hasOwn(found, segment) ? found[segment] : undefined
  return typeof found === 'string' ? found : undefined
}

function text(value: JsonValue, name: string): string {
  if (typeof value !== 'string') throw new AegisError('malformed_call', `${name} is not a string`)
  return value
}

function isObject(value: JsonValue | undefined): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
