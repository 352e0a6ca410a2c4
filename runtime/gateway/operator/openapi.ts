import { z } from 'zod'
import { ERRORS, type ErrorCode, REASONS } from '../../model/codes.ts'
import { OUTCOMES } from '../../model/verdict.ts'
import { STATUSES } from '../../state/approval-item.ts'
import { approveOrder, rejectOrder } from './approval-orders.ts'
import { killOrder } from './kill-orders.ts'
import { promotionOrder } from './promotion-orders.ts'
import { ORDER_BYTES_MAX } from './request.ts'

/** What the operators' listener answers, in OpenAPI 3.1. Bodies and codes come from where they are declared. */
export function operatorOpenApi(version: string) {
  return {
    openapi: '3.1.0',
    info: {
      title: 'Aegis operator API',
      version,
      license: { name: 'Apache-2.0', identifier: 'Apache-2.0' },
      description:
        `One listener for each region. Bodies are I-JSON (RFC 7493) of at most ${ORDER_BYTES_MAX} bytes. Other tenants' objects are 404. ` +
        'In what is shown, characters that could not be seen are written as escapes, and a backslash is doubled.',
    },
    security: [{ operatorToken: [] }],
    paths: {
      '/v1/approvals': {
        get: {
          summary: 'What waits, or has been decided, in the tenants of the token. Long arguments are left out.',
          parameters: [{ name: 'status', in: 'query', schema: { type: 'string', enum: [...STATUSES] } }],
          responses: { 200: answer('approvals, soonest end first', approvalList), ...errors('subject_mismatch', 'state_unavailable') },
        },
      },
      '/v1/approvals/{id}': {
        get: {
          summary: 'One approval, complete.',
          parameters: [id],
          responses: { 200: answer('the approval', ref('Approval')), ...errors(...ofOne) },
        },
      },
      '/v1/approvals/{id}/approve': {
        post: {
          summary: 'Agree. An export needs a data protection officer, who gives legal_basis and record_limit.',
          parameters: [id],
          requestBody: { required: false, content: json(schemaOf(approveOrder)) },
          responses: {
            200: answer('the approval as it stands now', ref('Approval')),
            ...errors(...ofOne, 'already_decided', 'audit_unavailable'),
          },
        },
      },
      '/v1/approvals/{id}/reject': {
        post: {
          summary: 'Refuse, for good.',
          parameters: [id],
          requestBody: { required: false, content: json(schemaOf(rejectOrder)) },
          responses: {
            200: answer('the approval as it stands now', ref('Approval')),
            ...errors(...ofOne, 'already_decided', 'audit_unavailable'),
          },
        },
      },
      '/v1/kills': {
        get: {
          summary: 'Kill switches that concern the tenants of the token.',
          responses: { 200: answer('kill switches', killList), ...errors() },
        },
        post: {
          summary: 'Stop a tenant, agent, tool, region, signing key or token everywhere. Role killer.',
          requestBody: { required: true, content: json(schemaOf(killOrder)) },
          responses: {
            201: answer('the kill switch', ref('Kill')),
            ...errors('subject_mismatch', 'not_found', 'state_unavailable', 'audit_unavailable'),
          },
        },
      },
      '/v1/promotions': {
        get: { summary: 'Promotions of the tenants of the token.', responses: { 200: answer('promotions', promotionList), ...errors() } },
        post: {
          summary: 'Make another region the active one of a region-bound tenant. Role failover.',
          requestBody: { required: true, content: json(schemaOf(promotionOrder)) },
          responses: {
            201: answer('the promotion', ref('Promotion')),
            ...errors('subject_mismatch', 'not_found', 'held_elsewhere', 'state_unavailable', 'audit_unavailable'),
          },
        },
      },
      '/v1/decisions/{id}': {
        get: {
          summary:
            'Why a decision came out as it did: which rule, by which facts, and what would have changed it. Roles viewer, approver or publisher.',
          parameters: [
            { name: 'id', in: 'path', required: true, schema: { ...text, format: 'uuid' } },
            { name: 'at', in: 'query', schema: { ...time, description: 'About when it was made: finds it faster among many.' } },
          ],
          responses: { 200: answer('the explanation', ref('Explanation')), ...errors('not_found', 'state_unavailable') },
        },
      },
      '/v1/status': {
        get: {
          summary: 'The region as it is. Any role.',
          responses: { 200: answer('its state', { type: 'object' }), ...errors('subject_mismatch') },
        },
      },
      '/health/live': { get: { summary: 'Does the listener answer?', security: [], responses: { 200: { description: 'yes' } } } },
    },
    components: {
      securitySchemes: {
        operatorToken: {
          type: 'http',
          scheme: 'bearer',
          bearerFormat: 'JWT, ES256',
          description: "Of the zone's OpenID provider, with tenants and roles.",
        },
      },
      schemas: { Approval: approval, Kill: kill, Promotion: promotion, Explanation: explanation, Error: error },
    },
  }
}

const ref = (name: string) => ({ $ref: `#/components/schemas/${name}` })
const json = (schema: object) => ({ 'application/json': { schema } })
const answer = (description: string, schema: object) => ({ description, content: json(schema) })
const schemaOf = (schema: z.ZodType) => z.toJSONSchema(schema, { io: 'input', target: 'draft-2020-12' })
const ofOne: ErrorCode[] = ['subject_mismatch', 'not_found', 'held_elsewhere', 'state_unavailable']

const text = { type: 'string' }
const time = { type: 'string', format: 'date-time' }
const texts = { type: 'array', items: text }
const maybe = (schema: { type: string }) => ({ ...schema, type: [schema.type, 'null'] })
const object = (properties: object) => ({ type: 'object', additionalProperties: false, required: Object.keys(properties), properties })
const id = { name: 'id', in: 'path', required: true, schema: { ...text, pattern: '^apr\\.' } }

const approval = object({
  id: text,
  status: { type: 'string', enum: [...STATUSES] },
  region: text,
  tenant: text,
  agent: text,
  tool: text,
  action: text,
  risk: { type: 'string', enum: ['low', 'medium', 'high'] },
  rules: texts,
  roles: { ...texts, description: 'Each has to stand behind the approval.' },
  min_approvers: { type: 'integer' },
  reasons: { type: 'array', items: object({ code: { type: 'string', enum: Object.keys(REASONS) }, message: text, rule: text }) },
  arguments: { ...maybe({ type: 'object' }), description: 'Sanitized. Null where a list leaves it out for its size.' },
  arguments_bytes: { type: 'integer' },
  digest: { ...text, description: 'SHA-256 of the exact call.' },
  destination: object({ zone: maybe(text), region: maybe(text), endpoint: maybe(text) }),
  export: {
    anyOf: [
      object({
        data_classes: texts,
        records: { type: 'integer' },
        source_region: text,
        destination_zone: maybe(text),
        destination_region: maybe(text),
      }),
      { type: 'null' },
    ],
  },
  chain: text,
  policy_version: text,
  created_at: time,
  expires_at: time,
  approvals: { type: 'array', items: object({ sub: text, roles: texts, at: time, reason: maybe(text) }) },
  terms: { anyOf: [object({ legal_basis: text, record_limit: { type: 'integer' }, officer: text }), { type: 'null' }] },
  rejection: { anyOf: [object({ sub: text, at: time, reason: maybe(text) }), { type: 'null' }] },
})
const approvalList = object({ region: text, approvals: { type: 'array', items: ref('Approval') }, more: { type: 'boolean' } })

const scope = object({ type: text, id: text })
const kill = {
  ...object({ id: text, scope, reason: text, by: text, at: time, region: text }),
  properties: { id: text, scope, reason: text, by: text, at: time, region: text, lifted: { type: 'boolean' } },
}
const killList = object({ kills: { type: 'array', items: ref('Kill') } })

const promotion = object({ tenant: text, epoch: { type: 'integer' }, region: text, by: text, at: time, home_lost: { type: 'boolean' } })
const promotionList = object({ promotions: { type: 'array', items: ref('Promotion') } })

const outcome = { type: 'string', enum: [...OUTCOMES] }
const explainedReason = {
  ...object({ code: text, message: text, rule: text }),
  properties: {
    code: { type: 'string', enum: [...Object.keys(REASONS), ...Object.keys(ERRORS)] },
    message: text,
    rule: text,
    source: { ...text, description: "The field of the agent's document that the reason came from, and what stands there." },
  },
}
const explanation = object({
  decision_id: text,
  at: time,
  region: text,
  tenant: text,
  agent: text,
  tool: maybe(text),
  action: maybe(text),
  revision: text,
  decision: { type: 'string', enum: [...OUTCOMES, 'error'] },
  enforced: outcome,
  mode: { type: 'string', enum: ['enforce', 'shadow'] },
  reasons: { type: 'array', items: explainedReason },
  explanation: { ...text, description: 'Who decided, policy or host, in words.' },
  facts: { type: 'object', description: 'What policy saw. Empty when it was not asked.' },
  reproduced: { type: ['boolean', 'null'], description: 'Judged anew by the bundle that decided, policy says the same.' },
  would_change: { type: 'array', items: object({ what: text, outcome }), description: 'Each was evaluated.' },
})

const error = object({
  error: {
    ...object({ code: { type: 'string', enum: Object.keys(ERRORS) }, message: text, region: text }),
    properties: { code: { type: 'string', enum: Object.keys(ERRORS) }, message: text, region: text, url: text },
  },
})

/** One response for each status, listing the codes: those given, and what every route may answer. */
function errors(...codes: ErrorCode[]) {
  const all: ErrorCode[] = ['malformed_call', 'invalid_token', 'call_too_large', 'internal_error', ...codes]
  const byStatus = Map.groupBy(all, (code) => ERRORS[code].status)
  return Object.fromEntries(
    [...byStatus].map(([status, of]) => [
      String(status),
      { description: of.map((code) => `\`${code}\`: ${ERRORS[code].message}`).join('; '), content: json(ref('Error')) },
    ]),
  )
}
