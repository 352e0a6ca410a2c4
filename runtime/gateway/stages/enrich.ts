import type { JsonObject, Principal, ToolCall } from '../../model/call.ts'
import { AegisError } from '../../model/codes.ts'
import type { Mode } from '../../model/verdict.ts'
import type { Tenant } from '../../model/zones.ts'
import { pointerSegments } from '../../policy/arguments.ts'
import type { ActiveAgent } from '../../policy/bundle-data.ts'
import type { PolicyInput } from '../../policy/policy-io.ts'
import type { ActiveAction, ActivePolicy, ActiveTool } from '../active-policy.ts'
import { destinationOf } from '../net/destination.ts'
import type { Kill } from '../region/kill-switches.ts'
import type { Services } from '../services.ts'

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
  /** The kill switch that stops the call. */
  kill: Kill | undefined
  /** Where the arguments say that the call goes; undefined for a tool with endpoints. */
  destination: ReturnType<typeof destinationOf> | undefined
  toolFacts: PolicyInput['tool']
}

/** @throws AegisError malformed_call when the arguments do not fit the action's closed schema */
export function enrich(
  call: ToolCall,
  principal: Principal,
  active: ActivePolicy,
  { kills, watch, place }: Pick<Services, 'kills' | 'watch' | 'place'>,
): EnrichedCall {
  const tenant = active.tenants.get(principal.tenant)
  const tenantFacts = active.tenantFacts.get(principal.tenant)
  if (tenant === undefined || tenantFacts === undefined) throw new AegisError('invalid_token', 'the tenant is unknown')
  const named = active.agents.get(principal.agentId)
  const agent = named?.tenant === tenant.id ? named : undefined
  const tool = active.tools.get(call.tool)
  const action = tool?.actions.get(call.action)
  if (action !== undefined && !action.accepts(call.arguments)) throw new AegisError('malformed_call', schemaFault(action))
  const destination = destinationIn(call.arguments, action, agent)
  return {
    call,
    principal,
    tenant,
    tenantFacts,
    mode: tenant.mode === 'shadow' || agent?.mode === 'shadow' ? 'shadow' : 'enforce',
    agent,
    registered: tool !== undefined && action !== undefined ? { tool, action } : undefined,
    kill: kills.hit({ tenant: tenant.id, agent: principal.agentId, tool: call.tool, region: place.region }),
    destination,
    toolFacts: action === undefined ? null : toolFacts(action, destination, watch.drifted(call.tool)),
  }
}

/** No zone: what policy calls the place of a destination that lies outside every zone. */
const OUTSIDE = 'outside'

function toolFacts(action: ActiveAction, destination: EnrichedCall['destination'], drifted: boolean): PolicyInput['tool'] {
  const facts = drifted ? action.driftedFacts : action.facts
  if (destination === undefined) return facts
  return { ...facts, zones: [(destination.ok ? destination.destination.zone : null) ?? OUTSIDE] }
}

/** Where arguments say that a call goes: asked again when they were rewritten. */
export function destinationIn(args: JsonObject, action: ActiveAction | undefined, agent: ActiveAgent | undefined) {
  return action?.roles.url === undefined ? undefined : destinationOf(textAt(args, action.roles.url), agent?.egress ?? [])
}

function textAt(args: JsonObject, pointer: string): string {
  let found: unknown = args
  for (const segment of pointerSegments(pointer)) {
    found =
      typeof found === 'object' && found !== null && Object.hasOwn(found, segment) ? (found as Record<string, unknown>)[segment] : undefined
  }
  return typeof found === 'string' ? found : ''
}

/** Where the arguments do not fit, in the schema's own words: no key or value of the call is repeated. */
function schemaFault(action: ActiveAction): string {
  const error = action.accepts.errors?.[0]
  return `the arguments do not fit the schema of the action: ${error?.schemaPath ?? '#'} ${error?.message ?? ''}`.trim()
}
