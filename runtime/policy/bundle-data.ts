import { z } from 'zod'
import type { CustomClass } from '../dlp/custom-class.ts'
import type { JsonObject } from '../model/call.ts'
import type { Mode } from '../model/verdict.ts'
import { type Budget, type ChainRule, chainRule } from './agent-document.ts'
import { activeClasses, bundledClass } from './class-document.ts'
import type { ToolDefinition } from './definition.ts'
import type { Effect, Risk } from './policy-io.ts'

/** An agent of the active bundle. */
export interface ActiveAgent {
  id: string
  tenant: string
  /** `shadow` softens the document's own outcomes, see `DOCUMENT_REASONS`. */
  mode: Mode
  /** The compiled policy, serialized once: what Rego reads as `input.agent.policy`. */
  policyJson: string
  /** Hosts that the agent may reach; `zone` null lies outside every zone. */
  egress: readonly { host: string; zone: string | null }[]
  /** By `tool.action`. */
  rates: ReadonlyMap<string, { calls: number; perS: number }>
  /** What the agent may spend in all regions together. */
  budget: Budget | null
  /** What earlier calls of a chain forbid, as `policyJson` says it. */
  chain: readonly ChainRule[]
}

/** A tool of the signed registry. */
export interface Tool {
  name: string
  /** https URL by region. Empty for a tool whose destination is an argument (`roles.url`). */
  endpoints: ReadonlyMap<string, string>
  credentialRef: string | null
  /** What the tool must say of itself; undefined when it is not pinned. */
  definition: ToolDefinition | undefined
  actions: ReadonlyMap<string, ToolAction>
}

export interface ToolAction {
  effect: Effect
  risk: Risk
  /** True when the tool itself refuses to act twice on one `Idempotency-Key`. */
  idempotent: boolean
  /** JSON Schema (draft 7) of the arguments, closed at every level. */
  schema: JsonObject
  /** JSON Pointers into the arguments. */
  roles: Roles
  /** JSON Pointers of the arguments that policy gets to see. */
  policyReads: readonly string[]
}

export interface Roles {
  amount?: string | undefined
  currency?: string | undefined
  /** How many tokens a call may use, for budgets in tokens. */
  tokens?: string | undefined
  url?: string | undefined
  /** `classes`: data classes that this argument may carry across zones. */
  recipient?: { at: string; classes: string[] } | undefined
}

const json = z.record(z.string(), z.unknown())
const mode = z.enum(['enforce', 'shadow'])

const agentSchema = z.strictObject({
  tenant: z.string(),
  mode,
  policy: json,
  egress: z.array(z.strictObject({ host: z.string(), zone: z.string().nullable() })),
  rates: z.record(z.string(), z.strictObject({ calls: z.int(), per_s: z.int() })),
  budget: z.strictObject({ period: z.literal('day'), amount: z.int().min(0), unit: z.string() }).nullable(),
})

const toolSchema = z.strictObject({
  endpoints: z.record(z.string(), z.string()),
  credential_ref: z.string().nullable(),
  definition: z.strictObject({ path: z.string(), sha256: z.string() }).optional(),
  actions: z.record(
    z.string(),
    z.strictObject({
      effect: z.enum(['read', 'write']),
      risk: z.enum(['low', 'medium', 'high']),
      idempotent: z.boolean(),
      schema: json,
      roles: z.strictObject({
        amount: z.string().optional(),
        currency: z.string().optional(),
        tokens: z.string().optional(),
        url: z.string().optional(),
        recipient: z.strictObject({ at: z.string(), classes: z.array(z.string()) }).optional(),
      }),
      policy_reads: z.array(z.string()),
    }),
  ),
})

const bundleDataSchema = z.strictObject({
  aegis: z.strictObject({
    agents: z.record(z.string(), agentSchema),
    tools: z.record(z.string(), toolSchema),
    classes: z.record(z.string(), bundledClass),
  }),
})

/** `data.json` of a bundle, on the wire. */
export type BundleData = z.output<typeof bundleDataSchema>
export type BundledAgent = z.output<typeof agentSchema>
export type BundledTool = z.output<typeof toolSchema>

/** Takes `data.json` apart into what the gateway looks things up in. Throws a ZodError when it has another shape. */
export function readBundleData(value: unknown): {
  agents: Map<string, ActiveAgent>
  tools: Map<string, Tool>
  classes: readonly CustomClass[]
} {
  const { agents, tools, classes } = bundleDataSchema.parse(value).aegis
  return {
    agents: new Map(Object.entries(agents).map(([id, agent]) => [id, activeAgent(id, agent)])),
    tools: new Map(Object.entries(tools).map(([name, tool]) => [name, activeTool(name, tool)])),
    classes: activeClasses(classes),
  }
}

function activeAgent(id: string, { policy, rates, ...rest }: BundledAgent): ActiveAgent {
  const windows = Object.entries(rates).map(([action, { calls, per_s: perS }]) => [action, { calls, perS }] as const)
  const chain = z.array(chainRule).parse(policy.chain ?? [])
  return { id, ...rest, policyJson: JSON.stringify(policy), rates: new Map(windows), chain }
}

export function activeTool(name: string, { endpoints, credential_ref, definition, actions }: BundledTool): Tool {
  return {
    name,
    endpoints: new Map(Object.entries(endpoints)),
    credentialRef: credential_ref,
    definition,
    actions: new Map(
      Object.entries(actions).map(([action, { policy_reads, schema, ...rest }]) => [
        action,
        { ...rest, schema: schema as JsonObject, policyReads: policy_reads },
      ]),
    ),
  }
}

/** The zones, sorted, in which a tool has an endpoint. `zones`: the directory's, regions by zone. */
export function toolZones(tool: Tool, zones: Readonly<Record<string, readonly string[]>>): string[] {
  const reached = Object.entries(zones).filter(([, regions]) => regions.some((region) => tool.endpoints.has(region)))
  return reached.map(([zone]) => zone).sort()
}
