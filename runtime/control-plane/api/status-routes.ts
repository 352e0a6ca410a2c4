import type { FastifyInstance } from 'fastify'
import { z } from 'zod'
import type { Operator } from '../../identity/operator-token.ts'
import { line } from '../../identity/order-text.ts'
import { changeAnyVersion, type RecordedChange } from '../directory/desk.ts'
import { killId } from '../directory/state.ts'
import { PlaneError } from '../errors.ts'
import type { Plane } from '../plane.ts'
import type { Registration } from '../registration.ts'
import type { RolloutSettings } from '../rollout/step.ts'
import type { LedgerEntry } from '../store/ledger.ts'
import { parseBody, parseFields, requireAllTenants, requireAnyRole, requireRole, seesTenant } from './operators.ts'
import { entryView, statusView } from './views.ts'

export interface StatusRoutesParts {
  plane: Plane
  registration: Registration
  settings: RolloutSettings
}

const liftBody = z.strictObject({ kill_id: killId, reason: line(500) })
const historyQuery = z.strictObject({
  after: z.coerce.number().int().min(0).default(0),
  limit: z.coerce.number().int().min(1).max(500).default(100),
})

/** How it stands and how it came to that; and what has to be said at once, whatever is being rolled out. */
export function statusRoutes({ plane, registration, settings }: StatusRoutesParts) {
  const status = async (operator: Operator) => {
    const shown = await statusView({ plane, settings, refused: registration.refused() })
    if (seesTenant(operator, null)) return shown
    // Whose documents were refused, and whose calls would be denied, is no business of other tenants' people.
    const { fleet, refused, rollout, last_rollout, ...rest } = shown
    return {
      ...rest,
      refused: refused && `the last revision was refused; ${NOT_SHOWN}`,
      rollout: rollout && withoutWords(rollout),
      last_rollout: last_rollout && withoutWords(last_rollout),
      fleet: fleet.map(({ comparison: _, ...member }) => member),
    }
  }

  return async (app: FastifyInstance) => {
    app.get('/v1/status', async ({ operator }) => {
      requireAnyRole(operator)
      return status(operator)
    })

    app.get('/v1/fleet', async ({ operator }) => {
      requireRole(operator, 'viewer', 'publisher')
      if (!seesTenant(operator, null)) throw new PlaneError('not_found', 'whole reports are for operators of all tenants')
      return { reports: plane.view().regions.flatMap(({ reports }) => reports) }
    })

    app.get('/v1/history', async ({ operator, query }) => {
      requireRole(operator, 'viewer', 'publisher', 'author')
      const { after, limit } = parseFields(query, historyQuery, 'the query')
      return { entries: (await plane.ledger.read(after, limit)).flatMap((entry) => shown(operator, entry)) }
    })

    app.post('/v1/lifts', async ({ operator, body }) => {
      requireRole(operator, 'publisher')
      requireAllTenants(operator, 'lifting a kill switch')
      const { kill_id, reason } = parseBody(body, liftBody)
      await changeAnyVersion(plane.directory, { change: { kind: 'lift', kill_id }, by: operator, reason })
      await plane.engine.signDirectories()
      await plane.couriers.round()
      return status(operator)
    })

    app.delete<{ Params: { region: string; kid: string } }>(
      '/v1/issuers/:region/keys/:kid',
      async ({ operator, params: { region, kid } }) => {
        requireRole(operator, 'publisher')
        requireAllTenants(operator, 'removing a token key')
        const issuer = plane.standing()?.issuers.find((one) => one.region === region)
        if (issuer?.keys.some((key) => key.kid === kid) !== true && issuer?.removed?.includes(kid) !== true)
          throw new PlaneError('not_found', `region ${region} has no token key of this id`)
        await changeAnyVersion(plane.directory, { change: { kind: 'remove_key', region, kid }, by: operator, reason: 'removed at once' })
        // The next key is listed in the same directory: without one the region's tokens would hold nowhere.
        await plane.refreshKeys()
        await plane.engine.signDirectories()
        await plane.couriers.round()
        return status(operator)
      },
    )
  }
}

const NOT_SHOWN = 'what is in it is for operators of all tenants'

/** Reasons and findings name agents, tools and decisions of any tenant. */
const withoutWords = <T extends { reason: string; why: string | null }>(rollout: T): T => ({
  ...rollout,
  reason: NOT_SHOWN,
  why: rollout.why && NOT_SHOWN,
})

const SHOWN_FACTS = ['revision', 'seq', 'rollout', 'from']

/** Changes of other tenants' things are not there, and nobody is shown the hash of a secret. */
function shown(operator: Operator, entry: LedgerEntry) {
  const { recorded, ...facts } = entry.facts
  if (recorded === undefined) {
    if (seesTenant(operator, null)) return [entryView(entry)]
    const plain = Object.fromEntries(Object.entries(facts).filter(([name]) => SHOWN_FACTS.includes(name)))
    return [entryView({ ...entry, reason: null, facts: plain })]
  }
  const { tenant, change } = recorded as RecordedChange
  if (!seesTenant(operator, tenant)) return []
  const about = { kind: change.kind, ...('id' in change && { id: change.id }), ...('kill_id' in change && { kill_id: change.kill_id }) }
  return [entryView({ ...entry, facts: { ...facts, tenant, change: about } })]
}
