import type { Principal, ToolCall } from '../../model/call.ts'
import { AegisError } from '../../model/codes.ts'
import type { Mode } from '../../model/verdict.ts'
import type { Tenant } from '../../model/zones.ts'
import type { ActiveAgent } from '../../policy/bundle-data.ts'
import type { PolicyInput } from '../../policy/policy-io.ts'
import type { ActiveAction, ActivePolicy, ActiveTool } from '../active-policy.ts'

/** A call with every fact that memory holds about it. */
export interface EnrichedCall {
  call: ToolCall
  principal: Principal
  tenant: Tenant
  tenantFacts: PolicyInput['tenant']
  mode: Mode
  /** Undefined: no document names this agent for this tenant. */
  agent: ActiveAgent | undefined
  /** Undefined: the signed registry has no such tool and action. */
  registered: { tool: ActiveTool; action: ActiveAction } | undefined
}

/** @throws AegisError malformed_call when the arguments do not fit the action's closed schema */
export function enrich(call: ToolCall, principal: Principal, active: ActivePolicy): EnrichedCall {
  const tenant = active.tenants.get(principal.tenant)
  const tenantFacts = active.tenantFacts.get(principal.tenant)
  if (tenant === undefined || tenantFacts === undefined) throw new AegisError('invalid_token', 'the tenant is unknown')
  const named = active.agents.get(principal.agentId)
  const agent = named?.tenant === tenant.id ? named : undefined
  const tool = active.tools.get(call.tool)
  const action = tool?.actions.get(call.action)
  if (action !== undefined && !action.accepts(call.arguments)) throw new AegisError('malformed_call', schemaFault(action))
  return {
    call,
    principal,
    tenant,
    tenantFacts,
    mode: tenant.mode === 'shadow' || agent?.mode === 'shadow' ? 'shadow' : 'enforce',
    agent,
    registered: tool !== undefined && action !== undefined ? { tool, action } : undefined,
  }
}

/** Where the arguments do not fit, in the schema's own words: no key or value of the call is repeated. */
function schemaFault(action: ActiveAction): string {
  const error = action.accepts.errors?.[0]
  return `the arguments do not fit the schema of the action: ${error?.schemaPath ?? '#'} ${error?.message ?? ''}`.trim()
}
