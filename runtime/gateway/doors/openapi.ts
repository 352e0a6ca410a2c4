import type { FastifyInstance } from 'fastify'
import { ERRORS, REASONS } from '../../model/codes.ts'
import { OUTCOMES } from '../../model/verdict.ts'
import { ATTESTATION_CHARACTERS_MAX, ATTESTATION_HEADER } from '../attestation-header.ts'
import { CALL_BYTES_MAX } from './http-call.ts'

/** `GET /openapi.json`: what this gateway answers, in OpenAPI 3.1. Codes come from where they are declared. */
export function openApiDoor(version: string) {
  return async (app: FastifyInstance) => {
    const document = openApi(version)
    app.get('/openapi.json', async () => document)
  }
}

const ref = (name: string) => ({ $ref: `#/components/schemas/${name}` })
const json = (schema: object) => ({ 'application/json': { schema } })
const outcome = { type: 'string', enum: [...OUTCOMES] }
const text = { type: 'string' }

const toolCall = {
  type: 'object',
  additionalProperties: false,
  required: ['tool', 'action', 'arguments'],
  properties: {
    tool: text,
    action: text,
    arguments: { type: 'object', description: "What the action's closed JSON Schema in the signed registry takes." },
    chain: { ...text, description: 'Chain id of an earlier verdict, such as that of a calling agent. Adds its taints.' },
    approval: { ...text, description: 'Override token of an approval of this very call.' },
    idempotency_key: { ...text, maxLength: 255, description: 'The same call under the same key is decided once, for 24 hours.' },
  },
}

const verdict = {
  type: 'object',
  additionalProperties: false,
  required: ['decision_id', 'decision', 'enforced', 'mode', 'reasons', 'policy_version', 'region', 'zone', 'tenant_zone', 'timing_us'],
  properties: {
    decision_id: text,
    decision: { ...outcome, description: 'What policy and guard say.' },
    enforced: { ...outcome, description: 'What this door did, or what its caller is to do.' },
    mode: { type: 'string', enum: ['enforce', 'shadow'] },
    reasons: { type: 'array', items: ref('Reason') },
    policy_version: text,
    region: text,
    zone: text,
    tenant_zone: text,
    chain: { ...text, description: 'The chain that this call belongs to.' },
    arguments: { type: 'object', description: 'With sanitize: what may be forwarded, and nothing else.' },
    redactions: {
      type: 'array',
      items: {
        type: 'object',
        additionalProperties: false,
        required: ['path', 'class'],
        properties: { path: { ...text, description: 'JSON Pointer; a key that itself was found in is given by its index.' }, class: text },
      },
    },
    approval: {
      type: 'object',
      additionalProperties: false,
      required: ['id', 'status', 'expires_at', 'url'],
      properties: { id: text, status: { const: 'pending' }, expires_at: { ...text, format: 'date-time' }, url: { ...text, format: 'uri' } },
    },
    reservation: {
      type: 'object',
      additionalProperties: false,
      required: ['cost', 'currency', 'until'],
      properties: {
        cost: { type: 'integer', description: 'Minor units of a currency, calls or tokens.' },
        currency: text,
        until: { ...text, format: 'date-time', description: 'Counts as spent from then on, unless an outcome is reported before.' },
      },
    },
    route: ref('Route'),
    timing_us: { type: 'object', additionalProperties: { type: 'integer' } },
  },
}

const reason = {
  type: 'object',
  additionalProperties: false,
  required: ['code', 'message', 'rule'],
  properties: { code: { type: 'string', enum: Object.keys(REASONS) }, message: text, rule: text },
}

const route = {
  type: 'object',
  additionalProperties: false,
  required: ['region', 'endpoint', 'addresses'],
  properties: {
    region: text,
    endpoint: text,
    addresses: { type: 'array', items: text, description: 'Resolved once, checked, and what a connection must be pinned to.' },
  },
}

const error = {
  type: 'object',
  additionalProperties: false,
  required: ['error'],
  properties: {
    error: {
      type: 'object',
      additionalProperties: false,
      required: ['code', 'message'],
      properties: { code: { type: 'string', enum: Object.keys(ERRORS) }, message: text, decision_id: text, region: text, url: text },
    },
  },
}

const attestation = {
  name: ATTESTATION_HEADER,
  in: 'header',
  required: false,
  schema: { ...text, maxLength: ATTESTATION_CHARACTERS_MAX },
  description:
    'Of a call that a gateway of another zone forwards: the permission of its export, a DSSE envelope in base64url. It has to cover what arrives.',
}

/** One response for each status that an error code has, listing the codes. */
function errorResponses() {
  const codesOf = Map.groupBy(Object.entries(ERRORS), ([, { status }]) => status)
  return Object.fromEntries(
    [...codesOf].map(([status, codes]) => [
      String(status),
      { description: codes.map(([code, { message }]) => `\`${code}\`: ${message}`).join('; '), content: json(ref('Error')) },
    ]),
  )
}

function openApi(version: string) {
  const health = (summary: string) => ({ get: { summary, responses: { 200: { description: 'yes' }, 503: { description: 'no' } } } })
  return {
    openapi: '3.1.0',
    info: {
      title: 'Aegis gateway',
      version,
      license: { name: 'Apache-2.0', identifier: 'Apache-2.0' },
      description: `Bodies are I-JSON (RFC 7493) of at most ${CALL_BYTES_MAX} bytes: duplicate keys, unsafe numbers and bad UTF-8 are refused.`,
    },
    security: [{ agentToken: [] }],
    paths: {
      '/v1/decisions': {
        post: {
          summary: 'Decide a call. Advises: its caller executes the call, or does not.',
          parameters: [attestation],
          requestBody: { required: true, content: json(ref('ToolCall')) },
          responses: { 200: { description: 'a verdict, whatever it says', content: json(ref('Verdict')) }, ...errorResponses() },
        },
      },
      '/v1/decisions/{id}/outcome': {
        post: {
          summary: 'Say what became of a decided call. Unreported, its reservation counts as spent.',
          parameters: [{ name: 'id', in: 'path', required: true, schema: text }],
          requestBody: {
            required: true,
            content: json({
              type: 'object',
              additionalProperties: false,
              required: ['status'],
              properties: {
                status: { type: 'string', enum: ['executed', 'not_executed'] },
                cost: { type: 'integer', minimum: 0, description: 'What it really cost, at most what was reserved.' },
              },
            }),
          },
          responses: { 200: { description: 'noted' }, ...errorResponses() },
        },
      },
      '/v1/approvals/{id}': {
        get: {
          summary: "Status of one of the agent's own approvals.",
          parameters: [
            { name: 'id', in: 'path', required: true, schema: text },
            { name: 'wait', in: 'query', required: false, schema: { type: 'integer', minimum: 0, maximum: 30 } },
          ],
          responses: { 200: { description: 'pending, approved, rejected, expired or consumed' }, ...errorResponses() },
        },
      },
      '/v1/approvals/{id}/token': {
        post: {
          summary: 'Collect the override token of an approved call. It is used once, in this region.',
          parameters: [{ name: 'id', in: 'path', required: true, schema: text }],
          responses: { 200: { description: '{"token", "expires_at"}' }, ...errorResponses() },
        },
      },
      '/oauth/token': {
        post: {
          summary:
            'An access token, by client credentials (RFC 6749) or a workload assertion (RFC 7523). Errors have the shape of RFC 6749.',
          security: [],
          requestBody: { required: true, content: { 'application/x-www-form-urlencoded': { schema: { type: 'object' } } } },
          responses: {
            200: { description: 'a token of at most ten minutes' },
            400: { description: 'refused' },
            401: { description: 'no such client' },
          },
        },
      },
      '/v1/tools/{tool}/{action}': {
        post: {
          summary: 'Decide a call and forward it when it is allowed. The body is the arguments.',
          parameters: [...['tool', 'action'].map((name) => ({ name, in: 'path', required: true, schema: text })), attestation],
          requestBody: { required: true, content: json({ type: 'object' }) },
          responses: {
            default: { description: "the tool's own status and body, with headers `aegis-decision` and `aegis-decision-id`" },
            403: { description: 'not allowed: the verdict', content: json(ref('Verdict')) },
            ...errorResponses(),
          },
        },
      },
      '/health/live': health('Does the process answer?'),
      '/health/started': health('Was a verified policy ever active in this process?'),
      '/health/ready': health('Are a verified bundle and directory active?'),
      '/health/region': health('Should this region get traffic? Route 53 asks this.'),
    },
    components: {
      securitySchemes: {
        agentToken: {
          type: 'http',
          scheme: 'bearer',
          bearerFormat: 'JWT, typ at+jwt, ES256',
          description: "The audience is the zone's URL or the global one.",
        },
      },
      schemas: { ToolCall: toolCall, Verdict: verdict, Reason: reason, Route: route, Error: error },
    },
  }
}
