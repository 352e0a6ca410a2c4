import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { z } from 'zod'
import { line } from '../../identity/order-text.ts'
import type { AgentDocument } from '../../policy/agent-document.ts'
import { clientFields } from '../../policy/clients.ts'
import { tenantFields } from '../../policy/tenants.ts'
import { parseBody, parseFields, requireAnyRole, requireRole, requireTenant, seesTenant } from '../api/operators.ts'
import { ApiRefusal } from '../api/refusal.ts'
import type { DirectoryChange } from './change.ts'
import { type DirectoryDesk, tenantOfChange } from './desk.ts'
import { DirectoryRefusedError, NotInDirectoryError, StaleDirectoryError } from './refusals.ts'
import { budgetFields, plainName, readerFields } from './state.ts'
import { changeView, directoryView } from './view.ts'

export interface DirectoryRoutesParts {
  desk: DirectoryDesk
  /** The agent documents in force: whose client or budget it is. */
  agents: () => readonly AgentDocument[]
}

/** Largest body of a change, in bytes: a client with all the workloads and keys that it may have. */
export const DIRECTORY_BODY_BYTES_MAX = 64 * 1024

/** `/v1/directory`, to be registered behind `guardByOperators`. The version is the ETag: whoever changes says what they have seen. */
export function directoryRoutes({ desk, agents }: DirectoryRoutesParts) {
  const change = async (request: FastifyRequest, reply: FastifyReply, { what, kind, read }: Asked) => {
    const { operator, headers, params, query } = request
    requireRole(operator, 'publisher')
    const { id } = parseFields(params, z.object({ id: plainName }), 'the path')
    const { reason: said } = parseFields(query, changeQuery, 'the query')
    const seen = desk.current()
    // Whose it is comes before anything that an answer could tell about it.
    requireTenant(operator, tenantOfChange(seen.state, { kind, id }, { agents: agents() }), what)
    const expects = expectedVersion(headers['if-match'])
    try {
      const order = read(id, request.body)
      if (expects !== seen.version) throw new StaleDirectoryError({ expects, version: seen.version })
      const reason = said ?? (order.kind === 'put_budget' ? order.fields.reason : NO_REASON)
      const { version } = await desk.change({ expects, change: order, by: operator, reason })
      reply.header('etag', etagOf(version))
      return { version }
    } catch (error) {
      if (error instanceof StaleDirectoryError) reply.header('etag', etagOf(error.version))
      throw asRefusal(error)
    }
  }

  return async (app: FastifyInstance) => {
    app.get('/v1/directory', async ({ operator }, reply) => {
      requireAnyRole(operator)
      const current = desk.current()
      reply.header('etag', etagOf(current.version))
      return directoryView(operator, current)
    })

    app.get('/v1/directory/changes', async ({ operator, query }) => {
      requireAnyRole(operator)
      const { after } = parseFields(query, changesQuery, 'the query')
      const changes = (await desk.changes(after)).filter(({ tenant }) => seesTenant(operator, tenant))
      return { changes: changes.slice(0, CHANGES_MAX).map(changeView), more: changes.length > CHANGES_MAX }
    })

    for (const [path, asked] of Object.entries(PUTS)) app.put(`${path}/:id`, async (request, reply) => change(request, reply, asked))
    for (const [path, asked] of Object.entries(REMOVALS)) app.delete(`${path}/:id`, async (request, reply) => change(request, reply, asked))
  }
}

/** What a request asks for: of which kind it is before its body is read, and the change when it was. */
interface Asked {
  what: string
  kind: DirectoryChange['kind']
  read(id: string, body: unknown): DirectoryChange
}

const asked = <K extends DirectoryChange['kind']>(
  what: string,
  kind: K,
  read: (id: string, body: unknown) => DirectoryChange & { kind: K },
): Asked => ({ what, kind, read })

const PUTS: Readonly<Record<string, Asked>> = {
  '/v1/directory/tenants': asked('tenant', 'put_tenant', (id, body) => ({ kind: 'put_tenant', id, fields: parseBody(body, tenantFields) })),
  '/v1/directory/clients': asked('client', 'put_client', (id, body) => ({ kind: 'put_client', id, fields: parseBody(body, clientFields) })),
  '/v1/directory/budgets': asked('budget', 'put_budget', (id, body) => ({ kind: 'put_budget', id, fields: parseBody(body, budgetFields) })),
  '/v1/directory/bundle-readers': asked('bundle reader', 'put_bundle_reader', (id, body) => ({
    kind: 'put_bundle_reader',
    id,
    fields: parseBody(body, readerFields),
  })),
}

const removal = <K extends 'remove_tenant' | 'remove_client' | 'remove_budget' | 'remove_bundle_reader'>(what: string, kind: K): Asked => ({
  what,
  kind,
  read(id, body) {
    parseBody(body, z.strictObject({}))
    return { kind, id }
  },
})

const REMOVALS: Readonly<Record<string, Asked>> = {
  '/v1/directory/tenants': removal('tenant', 'remove_tenant'),
  '/v1/directory/clients': removal('client', 'remove_client'),
  '/v1/directory/budgets': removal('budget', 'remove_budget'),
  '/v1/directory/bundle-readers': removal('bundle reader', 'remove_bundle_reader'),
}

const NO_REASON = 'no reason given'
const CHANGES_MAX = 500
/** Budgets have a reason of their own, which stands for this one where it is not given. */
const changeQuery = z.strictObject({ reason: line(500).optional() })
const changesQuery = z.strictObject({
  after: z
    .string()
    .regex(/^\d{1,15}$/, 'must be a version')
    .default('0')
    .transform(Number),
})

/** @throws ApiRefusal version_required, malformed_request: a list, `*` or a weak tag names no version that somebody has looked at */
function expectedVersion(ifMatch: string | undefined): number {
  if (ifMatch === undefined)
    throw new ApiRefusal('version_required', 'say by If-Match: "<version>" which version of the directory the change is made for')
  const version = /^"(\d{1,15})"$/.exec(ifMatch)?.[1]
  if (version === undefined) throw new ApiRefusal('malformed_request', 'If-Match has to be one version in double quotes')
  return Number(version)
}

const etagOf = (version: number) => `"${version}"`

function asRefusal(error: unknown): unknown {
  if (error instanceof StaleDirectoryError)
    return new ApiRefusal('stale_directory', error.message, { facts: { version: error.version }, cause: error })
  if (error instanceof DirectoryRefusedError) return new ApiRefusal('directory_refused', error.message, { cause: error })
  if (error instanceof NotInDirectoryError) return new ApiRefusal('not_found', error.message, { cause: error })
  return error
}
