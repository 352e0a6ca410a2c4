import type { FastifyInstance } from 'fastify'
import { z } from 'zod'
import { line } from '../../identity/order-text.ts'
import { describeChanges, describeModuleChanges } from '../../policy/diff/changes.ts'
import { patches } from '../../policy/diff/patches.ts'
import type { Documents } from '../../policy/documents.ts'
import type { Sources } from '../../policy/sources.ts'
import { PlaneError } from '../errors.ts'
import type { Plane } from '../plane.ts'
import type { Registration } from '../registration.ts'
import type { PastAct } from '../store/ledger.ts'
import { parseBody, parseFields, requireAllTenants, requireAnyRole, requireRole } from './operators.ts'
import { revisionView, rolloutView } from './views.ts'

/** Text of the sources of a large deployment, with room for JSON's escapes. */
export const REVISION_BODY_BYTES_MAX = 32 * 1024 * 1024

const files = z.record(z.string().max(200), z.string())
const registerBody = z.strictObject({ files, reason: line(500), commit: line(100).nullish() })
const revision = z.string().max(64)
const diffBody = z.strictObject({ files, from: z.string().max(64).optional() })
const diffQuery = z.strictObject({ from: revision.optional(), to: revision.optional() })
const listQuery = z.strictObject({ limit: z.coerce.number().int().min(1).max(200).default(20) })

/** One side of a comparison. */
interface Side {
  name: string
  documents: Documents
  sources: Sources
}

export interface RevisionRoutesParts {
  plane: Plane
  registration: Registration
}

/** What authors write, and what differs between two of them. The documents of all tenants are in it, so it is for those who operate for all. */
export function revisionRoutes({ plane, registration }: RevisionRoutesParts) {
  const { registry, releases, directory, kernel } = plane

  const rolloutsOf = (name: string, entries: readonly PastAct[]) => {
    const published = entries.filter(({ kind, facts }) => kind === 'published' && facts.revision === name)
    const { lastRollout, rollout } = kernel.state()
    return published.map(({ by, facts, atMs }) => {
      const known = [rollout, lastRollout].find((one) => one?.id === facts.rollout)
      const ending = entries.find(
        (entry) => facts.rollout !== undefined && entry.facts.rollout === facts.rollout && ENDINGS.has(entry.kind),
      )
      return {
        // The first publication of all is no rollout, and is named like one.
        id: facts.rollout ?? `${name}-${facts.seq}`,
        seq: facts.seq,
        publisher: by ?? 'control plane',
        at: new Date(atMs).toISOString(),
        state: known ? rolloutView(known).state : (ending?.kind ?? 'completed'),
      }
    })
  }
  const sideOf = async (name: string): Promise<Side> => {
    const record = await releases.record(name)
    const { state } = await directory.of(kernel.state())
    return { name, documents: await releases.documents(name, state), sources: await registry.sourcesOf(record) }
  }
  const active = (): string => {
    const name = kernel.state().active?.revision
    if (name === undefined) throw new PlaneError('wrong_state', 'nothing is published yet, so there is nothing to compare with')
    return name
  }
  const difference = (from: Side, to: Side) => ({
    from: from.name,
    to: to.name,
    changes: [...describeChanges(from.documents, to.documents), ...describeModuleChanges(from.sources, to.sources)],
    files: patches(from.sources, to.sources),
  })

  return async (app: FastifyInstance) => {
    app.post('/v1/revisions', { bodyLimit: REVISION_BODY_BYTES_MAX }, async ({ operator, body }, reply) => {
      requireRole(operator, 'author', 'publisher')
      requireAllTenants(operator, 'registering a revision')
      const order = parseBody(body, registerBody)
      const { record, known, checks } = await registration.register({
        files: order.files,
        author: operator.sub,
        reason: order.reason,
        commit: order.commit ?? null,
      })
      return reply.code(201).send({ revision: record.revision, known, author: record.author, checks })
    })

    app.get('/v1/revisions', async ({ operator, query }) => {
      requireAnyRole(operator)
      requireAllTenants(operator, 'looking at revisions')
      const { limit } = parseFields(query, listQuery, 'the query')
      const records = await registry.list(limit)
      const entries = await plane.ledger.acts()
      return { revisions: records.map((record) => revisionView(record, rolloutsOf(record.revision, entries))) }
    })

    app.get<{ Params: { id: string } }>('/v1/revisions/:id', async ({ operator, params }) => {
      requireAnyRole(operator)
      requireAllTenants(operator, 'looking at revisions')
      const record = await releases.record(params.id)
      const sources = await registry.sourcesOf(record)
      return { ...revisionView(record, rolloutsOf(record.revision, await plane.ledger.acts())), files: [...sources.keys()] }
    })

    app.get('/v1/diff', async ({ operator, query }) => {
      requireAnyRole(operator)
      requireAllTenants(operator, 'looking at revisions')
      const { from = active(), to = active() } = parseFields(query, diffQuery, 'the query')
      return difference(await sideOf(from), await sideOf(to))
    })

    app.post('/v1/diff', { bodyLimit: REVISION_BODY_BYTES_MAX }, async ({ operator, body }) => {
      requireRole(operator, 'author', 'publisher', 'viewer')
      requireAllTenants(operator, 'looking at revisions')
      const { files: given, from = active() } = parseBody(body, diffBody)
      const { sources, compiled } = await registration.check(given)
      return difference(await sideOf(from), { name: compiled.revision, documents: compiled.documents, sources })
    })
  }
}

const ENDINGS = new Set(['aborted', 'completed', 'rolled_back'])
