import { Ajv } from 'ajv'
import { z } from 'zod'
import { pointerSegments } from './arguments.ts'
import type { BundledTool } from './bundle-data.ts'
import { isDataClass } from './data-classes.ts'
import type { Path } from './yaml-file.ts'

// The words of tools.yaml.

const pointer = z.string().regex(/^(\/([^/~]|~[01])+)+$/, 'must be a JSON Pointer such as /amount')

const toolName = z
  .string()
  .regex(/^[a-z][a-z0-9-]{0,62}$/, 'must be lower case letters, digits and hyphens, at most 63 characters')
  .refine((name) => name !== 'export' && name !== 'write', { message: 'is a word of chain rules' })

const actionName = z
  .string()
  .regex(/^[A-Za-z][A-Za-z0-9_-]{0,63}$/, 'must be letters, digits, hyphens and underscores, at most 64 characters')

const endpoint = z.string().refine(isEndpoint, { message: 'must be an https URL without credentials, query or fragment' })

const region = z.string().regex(/^[a-z]{2}(-[a-z]+)+-\d$/, 'is not an AWS region name such as eu-west-1')

const action = z.strictObject({
  effect: z.enum(['read', 'write']),
  risk: z
    .enum(['low', 'medium', 'high'])
    .default('low')
    .meta({ description: 'a fact for policies of your own; no built-in rule reads it' }),
  idempotent: z.boolean().default(false).meta({ description: 'the tool acts once on one Idempotency-Key' }),
  schema: z.record(z.string(), z.unknown()).meta({ description: 'JSON Schema of the arguments, closed at every level' }),
  roles: z
    .strictObject({
      amount: pointer.optional(),
      currency: pointer.optional(),
      tokens: pointer.optional().meta({ description: 'how many tokens the call may use, for budgets in tokens' }),
      url: pointer.optional().meta({ description: 'the destination, for a tool without endpoints' }),
      recipient: z
        .union([pointer, z.strictObject({ at: pointer, classes: z.array(z.string()).min(1) })])
        .optional()
        .meta({ description: 'who gets it; may carry the named data classes across zones' }),
    })
    .default({}),
  policy_reads: z.array(pointer).default([]).meta({ description: 'arguments that policy sees, under 1 KB in all' }),
})

const definition = z.strictObject({
  path: z
    .string()
    .regex(/^(\/[A-Za-z0-9._~-]+)+$/, 'must be a path such as /.well-known/tool.json')
    .meta({ description: 'below each endpoint' }),
  sha256: z
    .string()
    .regex(/^[0-9a-f]{64}$/, 'must be 64 hexadecimal digits in lower case')
    .meta({ description: 'SHA-256 of the canonical JSON (RFC 8785) that the tool serves there' }),
})

export const toolsDocument = z.record(
  toolName,
  z.strictObject({
    endpoints: z.record(region, endpoint).default({}).meta({ description: 'by region' }),
    credential_ref: z.string().min(1).optional().meta({ description: "name of the tool's own credentials" }),
    definition: definition.optional().meta({ description: 'pins what the tool says of itself; see on_drift' }),
    actions: z.record(actionName, action),
  }),
)
export type ToolsDocument = z.output<typeof toolsDocument>
type Action = z.output<typeof action>

/** The registry as bundles carry it. */
export function compileTools(tools: ToolsDocument): Record<string, BundledTool> {
  return Object.fromEntries(Object.entries(tools).map(([name, tool]) => [name, compileTool(tool)]))
}

function compileTool({ endpoints, credential_ref, definition, actions }: ToolsDocument[string]): BundledTool {
  const compiled = Object.entries(actions).map(([name, { roles, ...rest }]) => {
    const { recipient, ...pointers } = roles
    const named = typeof recipient === 'string' ? { at: recipient, classes: [] } : recipient
    return [name, { ...rest, roles: { ...pointers, ...(named === undefined ? {} : { recipient: named }) } }] as const
  })
  const pinned = definition === undefined ? {} : { definition }
  return { endpoints, credential_ref: credential_ref ?? null, ...pinned, actions: Object.fromEntries(compiled) }
}

type Report = (path: Path, message: string) => void

/** Faults that the schema of tools.yaml cannot see. */
export function checkTools(tools: ToolsDocument, classes: ReadonlySet<string>, report: Report): void {
  // One for all: each would compile the schema of schemas anew, which takes longer than all of these. A schema is compiled by what it is,
  // not by what it calls itself (`$id` is refused), so none can stand in for another.
  const ajv = new Ajv({ strict: true, strictRequired: true, logger: false, addUsedSchema: false })
  for (const [name, tool] of Object.entries(tools)) {
    checkEndpoints(name, tool, report)
    for (const [actionId, entry] of Object.entries(tool.actions)) {
      const path = [name, 'actions', actionId]
      checkClosed(entry.schema, [...path, 'schema'], report)
      checkCompiles(ajv, entry.schema, [...path, 'schema'], report)
      checkPointers(entry, path, report)
      checkRoles(entry, path, classes, report)
      if (entry.roles.url === undefined && Object.keys(tool.endpoints).length === 0)
        report([name], `action ${actionId} leads nowhere; give endpoints, or roles.url for a destination in the arguments`)
    }
  }
}

/** What belongs to endpoints means nothing without them. */
function checkEndpoints(name: string, { endpoints, credential_ref, definition }: ToolsDocument[string], report: Report): void {
  if (Object.keys(endpoints).length > 0) return
  if (definition !== undefined) report([name, 'definition'], 'is served at an endpoint, and there is none')
  if (credential_ref !== undefined) report([name, 'credential_ref'], 'credentials go to endpoints only, and there is none')
}

/** Keywords whose meaning is plain to see: what is closed in them stays closed. Expressions on a caller's text could stall the gateway. */
const KEYWORDS = new Set([
  'type',
  'description',
  'title',
  'enum',
  'const',
  'properties',
  'required',
  'additionalProperties',
  'items',
  'minItems',
  'maxItems',
  'minLength',
  'maxLength',
  'minimum',
  'maximum',
])

const TYPES = new Set(['object', 'array', 'string', 'integer', 'number', 'boolean', 'null'])

/** An open object is a place for arguments that nobody declared. */
function checkClosed(value: unknown, path: Path, report: Report, top = true): void {
  if (!isObject(value)) {
    report(path, 'must be a JSON Schema object')
    return
  }
  for (const keyword of Object.keys(value)) {
    if (!KEYWORDS.has(keyword)) report([...path, keyword], `this keyword is not supported; use ${[...KEYWORDS].join(', ')}`)
  }
  const { type, properties, items } = value
  if (typeof type !== 'string' || !TYPES.has(type)) report(path, `needs one type of ${[...TYPES].join(', ')}`)
  if (top && type !== 'object') report(path, 'must be of type object: arguments are named')
  if (type === 'object') {
    if (value.additionalProperties !== false) report(path, 'is open; say additionalProperties: false')
    if (!isObject(properties)) report(path, 'needs properties')
    for (const [name, property] of Object.entries(isObject(properties) ? properties : {}))
      checkClosed(property, [...path, 'properties', name], report, false)
  }
  if (type === 'array') checkClosed(items, [...path, 'items'], report, false)
}

/** The gateway's validator must take the schema too, in its strict mode: `required` of what is no property is a slip. */
function checkCompiles(ajv: Ajv, schema: Record<string, unknown>, path: Path, report: Report): void {
  // Compiling is most of what reading documents costs, they are read several times for each publication, and hardly any changes a schema.
  const text = JSON.stringify(schema)
  if (compiling.has(text)) return
  try {
    ajv.compile(schema)
    if (compiling.size >= COMPILING_MAX) compiling.clear()
    compiling.add(text)
  } catch (error) {
    report(path, `is no JSON Schema: ${error instanceof Error ? error.message : error}`)
  }
}

/** Schemas that have compiled, as text. */
const compiling = new Set<string>()
const COMPILING_MAX = 1000

function checkPointers({ schema, roles, policy_reads }: Action, path: Path, report: Report): void {
  const recipient = typeof roles.recipient === 'string' ? roles.recipient : roles.recipient?.at
  const named = Object.entries({ ...roles, recipient }).filter((entry): entry is [string, string] => typeof entry[1] === 'string')
  for (const [role, at] of named) {
    if (schemaAt(schema, at) === undefined) report([...path, 'roles', role], `${at} is not in the schema`)
  }
  policy_reads.forEach((at, index) => {
    if (schemaAt(schema, at) === undefined) report([...path, 'policy_reads', index], `${at} is not in the schema`)
  })
}

function checkRoles({ schema, roles, policy_reads }: Action, path: Path, classes: ReadonlySet<string>, report: Report): void {
  const { amount, currency, tokens, recipient } = roles
  if ((amount === undefined) !== (currency === undefined)) report([...path, 'roles'], 'amount and currency come together')
  for (const at of [amount, currency]) {
    if (at !== undefined && !policy_reads.includes(at)) report([...path, 'policy_reads'], `must list ${at}, which limits are about`)
  }
  const amountSchema = amount === undefined ? undefined : schemaAt(schema, amount)
  if (amountSchema !== undefined && (amountSchema.type !== 'integer' || !(Number(amountSchema.minimum) >= 0)))
    report([...path, 'roles', 'amount'], 'must be of type integer with a minimum of 0 or more: amounts are whole minor units')
  checkTokens({ schema, tokens, policy_reads }, path, report)
  const currencySchema = currency === undefined ? undefined : schemaAt(schema, currency)
  if (currencySchema !== undefined && (currencySchema.type !== 'string' || !Array.isArray(currencySchema.enum)))
    report([...path, 'roles', 'currency'], 'must be of type string with an enum of currencies')
  if (typeof recipient !== 'object') return
  recipient.classes.forEach((name, index) => {
    if (!isDataClass(name, classes)) report([...path, 'roles', 'recipient', 'classes', index], `there is no data class ${name}`)
  })
}

/** Required, because an argument that a caller may leave out would make the call cost nothing. */
function checkTokens(
  { schema, tokens, policy_reads }: Pick<Action, 'schema' | 'policy_reads'> & { tokens: string | undefined },
  path: Path,
  report: Report,
): void {
  if (tokens === undefined) return
  const found = schemaAt(schema, tokens)
  if (found !== undefined && (found.type !== 'integer' || !(Number(found.minimum) >= 0)))
    report([...path, 'roles', 'tokens'], 'must be of type integer with a minimum of 0 or more')
  if (found !== undefined && !isRequired(schema, tokens)) report([...path, 'roles', 'tokens'], 'must be a required argument')
  if (!policy_reads.includes(tokens)) report([...path, 'policy_reads'], `must list ${tokens}, which budgets are about`)
}

function isRequired(schema: Record<string, unknown>, at: string): boolean {
  let parent = ''
  return pointerSegments(at).every((segment) => {
    const required = (parent === '' ? schema : schemaAt(schema, parent))?.required
    parent += `/${segment.replaceAll('~', '~0').replaceAll('/', '~1')}`
    return Array.isArray(required) && required.includes(segment)
  })
}

/** The schema of the argument at a JSON Pointer, through objects alone: a position in an array names no argument. */
export function schemaAt(schema: Record<string, unknown>, at: string): Record<string, unknown> | undefined {
  let found: unknown = schema
  for (const segment of pointerSegments(at)) {
    const properties = isObject(found) ? found.properties : undefined
    found = isObject(properties) && Object.hasOwn(properties, segment) ? properties[segment] : undefined
  }
  return isObject(found) ? found : undefined
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function isEndpoint(text: string): boolean {
  const url = URL.parse(text)
  return url !== null && url.protocol === 'https:' && url.username === '' && url.password === '' && url.search === '' && url.hash === ''
}
