import type { Tenant } from '../model/zones.ts'
import { agentIds } from './agent-document.ts'
import { activeTool, type BundledTool, readBundleData, toolZones } from './bundle-data.ts'
import { compileAgent } from './compile.ts'
import { bundleData, type Documents } from './documents.ts'
import { loadEvaluator, PolicyError, type PolicyEvaluator } from './evaluate.ts'
import { fileHash, goEncoding } from './file-hashes.ts'
import type { PolicyInput } from './policy-io.ts'
import { SMOKE_CALLS } from './smoke.ts'

type Zones = Readonly<Record<string, readonly string[]>>

/**
 * Loads a module as a gateway does and asks it what gateways ask before they activate it, and then about the documents themselves: every action
 * that a document allows gets an answer, and one that it does not name is denied.
 *
 * @returns how many calls were judged
 * @throws PolicyError that says which call was answered wrongly
 */
export async function probe(wasm: Uint8Array, documents: Documents, zones: Zones): Promise<number> {
  readable(documents, zones)
  const evaluator = await loadEvaluator(wasm)
  evaluator.smoke()
  let judged = SMOKE_CALLS.length
  const tenants = new Map(documents.tenants.map((tenant) => [tenant.id, tenant]))
  for (const document of documents.agents) {
    const tenant = tenants.get(document.tenant)
    const [id] = agentIds(document)
    if (tenant === undefined || id === undefined) continue
    const policyJson = JSON.stringify(compileAgent(document, documents.tools).policy)
    const ask = (tool: string, action: string) =>
      judge(evaluator, call({ id, policyJson }, tenant, { tool, action }, documents.tools, zones))
    for (const [tool, actions] of Object.entries(document.allowed_tools)) for (const action of Object.keys(actions)) ask(tool, action)
    const named = Object.values(document.allowed_tools).reduce((sum, actions) => sum + Object.keys(actions).length, 0)
    if (ask('no-such-tool', 'none') !== 'deny') throw new PolicyError(`agent ${id} may use a tool that its document does not name`)
    judged += named + 1
    if (judged % 64 < named + 1) await new Promise<void>((resolve) => setImmediate(resolve))
  }
  return judged
}

/** Every zone's bundle can be hashed, and read as a gateway does. */
function readable(documents: Documents, zones: Zones): void {
  for (const zone of Object.keys(zones)) {
    const text = Buffer.from(goEncoding(JSON.parse(JSON.stringify(bundleData(documents, zone)))))
    fileHash('data.json', text)
    readBundleData(JSON.parse(text.toString()))
  }
}

function judge(evaluator: PolicyEvaluator, input: PolicyInput): string {
  const { outcome, reasons } = evaluator.evaluate(input)
  const broken = reasons.find(({ code }) => code === 'policy_error' || code === 'policy_input_invalid')
  if (broken !== undefined)
    throw new PolicyError(
      `a call of ${input.agent.id} to ${input.call.tool}.${input.call.action} is answered ${broken.code}: ${broken.message}`,
    )
  return outcome
}

function call(
  agent: PolicyInput['agent'],
  { id, zone, homeRegion, binding, mode }: Tenant,
  { tool, action }: { tool: string; action: string },
  registry: Readonly<Record<string, BundledTool>>,
  zones: Zones,
): PolicyInput {
  const here = binding === 'none' ? (Object.keys(zones)[0] ?? zone) : zone
  const entry = Object.hasOwn(registry, tool) ? registry[tool] : undefined
  const facts = entry?.actions[action]
  return {
    call: { tool, action, arguments: {}, door: 'decision_api' },
    agent,
    tenant: { id, zone, home_region: homeRegion, binding, mode },
    tool:
      entry === undefined || facts === undefined
        ? null
        : { name: tool, action, effect: facts.effect, zones: toolZones(activeTool(tool, entry), zones), risk: facts.risk, drift: false },
    data: { classes: [], findings: [], findings_total: 0 },
    chain: null,
    budget: null,
    approval: null,
    region: homeRegion ?? zones[here]?.[0] ?? here,
    zone: here,
    now: { epoch_ms: 0 },
  }
}
