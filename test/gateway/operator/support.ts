import type { LightMyRequestResponse } from 'fastify'
import { buildOperator } from '../../../runtime/gateway/operator/app.ts'
import type { Promotion } from '../../../runtime/gateway/region/homes.ts'
import type { Kill } from '../../../runtime/gateway/region/kill-switches.ts'
import type { Operator } from '../../../runtime/identity/operator-token.ts'
import { AegisError } from '../../../runtime/model/codes.ts'
import { type ApprovalWorld, person, REGION } from '../approvals/world.ts'

/** Each name is also the token of that person. */
export const PEOPLE: Record<string, Operator> = {
  alice: person('alice'),
  bob: person('bob'),
  dora: person('dora', ['dpo']),
  viewer: person('vera', ['viewer']),
  killer: person('kim', ['killer']),
  allKiller: person('karl', ['killer'], ['*']),
  failover: person('fay', ['failover']),
  nobody: person('nora', []),
  stranger: person('carol', ['approver', 'dpo', 'viewer', 'killer', 'failover'], ['clinic-eu']),
  agent: person('finance-agent'),
}

export function operatorOver(world: ApprovalWorld) {
  const kills: Kill[] = []
  const promotions: Promotion[] = []
  const app = buildOperator({
    region: REGION,
    version: '0.0.0',
    review: world.review,
    kills: {
      list: () => kills,
      throw: async (order) => {
        const kill: Kill = { id: `kill-${kills.length}`, atMs: Date.now(), region: REGION, ...order }
        kills.push(kill)
        return kill
      },
    },
    homes: {
      list: () => promotions,
      promote: async ({ tenant, region, homeLost, by }) => {
        const promotion: Promotion = { tenant, region, homeLost, by, epoch: promotions.length + 1, atMs: Date.now() }
        promotions.push(promotion)
        return promotion
      },
    },
    explainer: {
      explain: async () => {
        throw new AegisError('not_found')
      },
    },
    verifier: {
      verify: async (authorization) => {
        const operator = PEOPLE[authorization?.replace('Bearer ', '') ?? '']
        if (operator === undefined) throw new AegisError('invalid_token')
        return operator
      },
    },
    events: { write: (event) => world.log.write(event) },
    status: async ({ sub }) => ({ for: sub }),
    tenantOfAgent: (agent) => ({ 'finance-agent': 'acme-eu', 'care-agent': 'clinic-eu' })[agent],
    lifted: () => ['kill-0'],
  })
  const as = (name: string | undefined) => ({
    get: (url: string) => app.inject({ method: 'GET', url, headers: headersOf(name) }),
    post: (url: string, body?: object | string) =>
      app.inject({
        method: 'POST',
        url,
        headers: { ...headersOf(name), ...(body !== undefined && { 'content-type': 'application/json' }) },
        ...(body !== undefined && { payload: typeof body === 'string' ? body : JSON.stringify(body) }),
      }),
  })
  return { app, kills, promotions, as }
}

const headersOf = (name: string | undefined) => (name === undefined ? {} : { authorization: `Bearer ${name}` })

export function codeIn(response: LightMyRequestResponse): string {
  return `${response.statusCode} ${response.json().error?.code ?? response.json().status ?? ''}`.trim()
}
