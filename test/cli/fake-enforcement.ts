import { refusal, type Said, type Seen } from './fake-fabric.ts'

/** Ways to break a promise of the table, each of which a walk has to notice. */
export type Fault =
  | 'redeems twice'
  | 'redeems in every region'
  | 'stays pending'
  | 'sends twice'
  | 'sends before approval'
  | 'overspends'
  | 'never ends a budget'
  | 'kills in one region'
  | 'stays killed'
  | 'serves in both regions'
  | 'serves nowhere after promotion'
  | 'forgets taints'
  | 'decides keys anew'
  | 'takes another call under a key'

export interface World {
  answer(seen: Seen): Said | undefined
  /** Minor units that treasury-agent has spent. */
  spent: number
  active: string
  kills: Set<string>
}

/** As much of the enforcement as the flows of the demo meet, in one process. @param faults what it does wrong */
export function fakeEnforcement(faults: readonly Fault[] = []): World {
  const broken = (fault: Fault) => faults.includes(fault)
  const approvals = new Map<string, 'pending' | 'approved' | 'used'>()
  const deliveries: { region: string; body: string }[] = []
  const keys = new Map<string, { id: string; text: string }>()
  const tainted = new Set<string>()
  let ids = 0
  const world: World = { answer, spent: 0, active: 'eu-west-1', kills: new Set() }
  return world

  function answer(seen: Seen): Said | undefined {
    if (seen.server === 'supervisor') return supervisor(seen)
    if (seen.server === 'control-plane') {
      if (!broken('stays killed')) world.kills.delete((seen.body as { kill_id: string }).kill_id)
      return { status: 200, body: {} }
    }
    return seen.server === 'operator' ? operator(seen) : gateway(seen)
  }

  function supervisor({ path }: Seen): Said {
    if (path === '/tokens') return { status: 200, body: { token: `session-${++ids}` } }
    return { status: 200, body: { received: deliveries } }
  }

  function operator({ path, method, region, body, token }: Seen): Said {
    if (path === '/v1/kills' && method === 'GET')
      return {
        status: 200,
        body: { kills: [...world.kills].map((id) => ({ id, scope: { type: 'agent', id: 'rogue-agent' }, reason: 'r', by: 'b' })) },
      }
    if (path === '/v1/kills') {
      world.kills.add(`kill-${++ids}`)
      return { status: 201, body: { id: `kill-${ids}` } }
    }
    if (path === '/v1/status') {
      const spent = region === 'eu-west-1' ? world.spent : 0
      const period = new Date().toISOString().slice(0, 10)
      const part = { agent: 'treasury-agent', period, unit: 'eur', granted: 1_000_000, leased: 0, spent, stranded: 0 }
      return { status: 200, body: { budgets: [part] } }
    }
    if (path === '/v1/promotions') {
      if (region !== world.active) return refusal(409, 'held_elsewhere', { region: world.active })
      world.active = (body as { region: string }).region
      return { status: 201, body: { epoch: ++ids } }
    }
    if (token.startsWith('globex')) return refusal(404, 'not_found')
    if (broken('stays pending')) return { status: 200, body: { status: 'pending' } }
    approvals.set(path.split('/')[3] ?? '', 'approved')
    return { status: 200, body: { status: 'approved' } }
  }

  function gateway(seen: Seen): Said {
    const collect = /^\/v1\/approvals\/(.+)\/token$/.exec(seen.path)
    if (collect !== null) {
      if (approvals.get(collect[1] ?? '') === 'pending') return refusal(409, 'in_progress')
      return { status: 200, body: { token: `override:${collect[1]}`, expires_at: 'soon' } }
    }
    if (seen.path.startsWith('/v1/tools/')) return mail(seen)
    if (seen.path.endsWith('/outcome')) return { status: 200, body: {} }
    const call = seen.body as { tool: string; arguments: { amount: number }; approval?: string; idempotency_key?: string }
    if (seen.token === 'token-of-treasury-agent') return treasury(call.arguments.amount, seen)
    if (seen.token === 'token-of-rogue-agent') {
      const killed = world.kills.size > 0 && (!broken('kills in one region') || seen.region === 'eu-west-1')
      return killed ? denied(seen, 'kill_switch') : allowed(seen)
    }
    if (seen.token.startsWith('session-')) return ward(call.tool, seen)
    return finance(call, seen)
  }

  function finance(call: { arguments: { amount: number }; approval?: string; idempotency_key?: string }, seen: Seen): Said {
    const { idempotency_key: key, approval } = call
    if (key !== undefined) {
      const held = keys.get(key)
      const text = JSON.stringify(call)
      if (held !== undefined && held.text !== text && !broken('takes another call under a key')) return refusal(409, 'idempotency_conflict')
      const id = held === undefined || broken('decides keys anew') ? `d-${++ids}` : held.id
      keys.set(key, { id, text })
      return allowed(seen, id)
    }
    return approval === undefined ? paused(seen, 'amount_over_limit', 200) : redeem(approval, seen, 200)
  }

  function mail(seen: Seen): Said {
    const deliver = () => deliveries.push({ region: 'us-east-1', body: JSON.stringify(seen.body) })
    const approval = seen.headers['aegis-approval']
    if (typeof approval !== 'string') {
      if (broken('sends before approval')) deliver()
      return paused(seen, 'residency_export', 403)
    }
    const verdict = redeem(approval, seen, 403)
    if (verdict.status === 403) return verdict
    deliver()
    if (broken('sends twice')) deliver()
    return { status: 200, body: { queued: true }, headers: { 'aegis-decision': 'allow' } }
  }

  function redeem(token: string, seen: Seen, refused: number): Said {
    const id = token.replace('override:', '')
    if (!id.startsWith(`apr.${seen.region}.`) && !broken('redeems in every region')) return refusal(409, 'held_elsewhere')
    if (approvals.get(id) === 'used' && !broken('redeems twice')) return denied(seen, 'approval_invalid', refused)
    if (id.startsWith(`apr.${seen.region}.`)) approvals.set(id, 'used')
    return allowed(seen)
  }

  function treasury(amount: number, seen: Seen): Said {
    const cap = broken('overspends') ? 3_000_000 : 2_000_000
    if (broken('never ends a budget')) return refusal(503, 'state_unavailable')
    if (world.spent + amount > cap) return denied(seen, 'budget_exhausted')
    world.spent += amount
    return allowed(seen)
  }

  function ward(tool: string, seen: Seen): Said {
    const served =
      broken('serves in both regions') ||
      (seen.region === world.active && !(broken('serves nowhere after promotion') && seen.region === 'eu-central-1'))
    if (!served) return refusal(503, 'home_region_unavailable', { region: world.active })
    if (tool === 'ehr') tainted.add(seen.token)
    else if (tainted.has(seen.token) && !broken('forgets taints')) return denied(seen, 'chain_tainted')
    return allowed(seen)
  }

  function paused(seen: Seen, reason: string, status: number): Said {
    const id = `apr.${seen.region}.${++ids}`
    approvals.set(id, 'pending')
    return { status, body: { ...verdict(seen, 'approval_needed', reason), approval: { id, status: 'pending' } } }
  }

  function allowed(seen: Seen, id = `d-${++ids}`): Said {
    return { status: 200, body: { ...verdict(seen, 'allow'), decision_id: id } }
  }

  function denied(seen: Seen, reason: string, status = 200): Said {
    return { status, body: verdict(seen, 'deny', reason) }
  }
}

const verdict = ({ region }: Seen, decision: string, reason?: string) => ({
  decision_id: 'd',
  decision,
  enforced: decision,
  mode: 'enforce',
  reasons: reason === undefined ? [] : [{ code: reason }],
  region,
})
