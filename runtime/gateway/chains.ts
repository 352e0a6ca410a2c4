import type { Principal } from '../model/call.ts'
import { AegisError } from '../model/codes.ts'
import type { Clock } from '../model/ports.ts'
import type { Tenant } from '../model/zones.ts'
import type { ChainRule } from '../policy/agent-document.ts'
import type { PolicyInput } from '../policy/policy-io.ts'
import type { ChainState, ChainStore } from '../state/chains.ts'
import { assumingTheWorst, factsOf, goneAtS, historyIsElsewhere } from './chain-history.ts'
import { type ChainNames, chainNames, verifyChainId } from './chain-id.ts'
import { createKnownTaints } from './known-taints.ts'

export interface OpenOrder {
  principal: Principal
  tenant: Tenant
  /** An id that the caller gave: it only adds that chain's taints. */
  presented?: string
  /** Of the agent's document. */
  rules: readonly ChainRule[]
  /** This region is the one that keeps the tenant's chains. */
  holds: boolean
  /** What happened before is known elsewhere only. */
  promotedAtMs?: number
}

export interface OpenChain {
  id: string
  /** The presented id is forged, of another tenant or region, or its state cannot be read. */
  refused: boolean
  /** Null: no rule of the agent asks, or nothing is known. */
  facts: PolicyInput['chain']
  /**
   * Before an allow is answered: what the call adds. Taints that stand are not written again.
   * @returns `changed`: a concurrent call was counted meanwhile, so this one must be judged again
   */
  commit(taints: readonly string[], toolAction: string): Promise<'written' | 'changed' | 'unavailable'>
}

export interface Chains {
  /** At most one strongly consistent read, and one more for a presented id; none for an agent without rules. @throws AegisError state_unavailable */
  open(order: OpenOrder): Promise<OpenChain>
}

export interface ChainsOptions {
  region: string
  repo: ChainStore
  /** The region's. */
  secret: () => Promise<Uint8Array>
  clock: Clock
}

/** What the calls of a session, or of an agent without one, have in common. A caller can add to it and never take away. */
export function createChains({ region, repo, secret, clock }: ChainsOptions): Chains {
  const known = createKnownTaints(clock)
  let names: ChainNames | undefined

  const presentedTaints = async (
    presented: string,
    own: string,
    key: Uint8Array,
    tenant: string,
  ): Promise<readonly string[] | undefined> => {
    const id = verifyChainId(presented, key, tenant, region)
    if (id === undefined) return undefined
    if (id.hash === own) return []
    // All of it, however old: whoever presents a chain says that the call comes from it.
    return (await readOrNothing(repo, tenant, id.hash))?.taints.keys().toArray()
  }

  return {
    async open({ principal, tenant, presented, rules, holds, promotedAtMs }) {
      const key = await secret().catch((cause) => {
        throw new AegisError('state_unavailable', 'the chains of this region cannot be read', { cause })
      })
      const ambient = principal.session === undefined
      names ??= chainNames(key, region)
      const { hash, id } = names.of(tenant.id, principal.agentId, principal.session)
      const [state, added] = await Promise.all([
        rules.length > 0 && holds ? readOrNothing(repo, tenant.id, hash) : undefined,
        presented === undefined ? [] : presentedTaints(presented, hash, key, tenant.id),
      ])

      const nowMs = clock.now()
      const gap = historyIsElsewhere(principal, promotedAtMs, nowMs)
      const stored = state === undefined ? null : factsOf(id, state, added ?? [], { ambient, nowMs })
      const facts = stored !== null && gap ? assumingTheWorst(stored, rules) : stored

      return {
        id,
        refused: added === undefined,
        facts: added === undefined ? null : facts,
        async commit(taints, toolAction) {
          if (added === undefined) return 'unavailable'
          const counted = rules.some((rule) => 'count' in rule && rule.count === toolAction)
          // Policy has refused what it could not count. Should anything have let it pass, it is refused here.
          if (counted && state === undefined) return 'unavailable'
          const missing = known.missing(`${tenant.id}#${hash}`, [...taints, ...added])
          if (!counted && missing.length === 0) return 'written'
          const count = counted ? { toolAction, seen: state?.calls.get(toolAction) } : undefined
          const atMs = clock.now()
          const change = { nowMs: atMs, taints: missing, goneAtS: goneAtS(ambient, atMs), ...(count !== undefined && { count }) }
          try {
            if (!(await repo.change(tenant.id, hash, change))) return 'changed'
          } catch {
            return 'unavailable'
          }
          known.add(`${tenant.id}#${hash}`, missing)
          return 'written'
        },
      }
    },
  }
}

async function readOrNothing(repo: ChainStore, tenant: string, hash: string): Promise<ChainState | undefined> {
  try {
    return await repo.read(tenant, hash)
  } catch {
    return undefined
  }
}
