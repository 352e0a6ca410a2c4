import { loadPolicy } from '@open-policy-agent/opa-wasm'
import { REASONS } from '../model/codes.ts'
import { OUTCOMES, type Outcome, type Reason } from '../model/verdict.ts'
import type { PolicyInput, PolicyOutput } from './policy-io.ts'
import { SMOKE_CALLS } from './smoke.ts'

/** One loaded policy module. Not reentrant, and need not be: an evaluation never awaits. */
export interface PolicyEvaluator {
  /** Judges one call in some 20 us. Throws a PolicyError and nothing else; the caller's verdict is then deny `policy_error`. */
  evaluate(input: PolicyInput): PolicyOutput
  /** Evaluates until the engine has compiled the module well, giving way to other work in between. Await before ready. */
  warm(calls?: number): Promise<void>
  /** Judges a few calls whose answers are known. Throws a PolicyError when one differs: the module must not be activated. */
  smoke(): void
}

export class PolicyError extends Error {
  override name = 'PolicyError'
  readonly code = 'policy_error'
}

/** Pages of 64 KiB: the module's memory never shrinks, so a bound keeps one hostile input from growing the process. */
const MEMORY_PAGES_MAX = 64
/** A compiled policy and the arguments it reads are 1 KB each; all facts together stay far below this. */
const INPUT_BYTES_MAX = 16_384
const WARM_CALLS = 3000
/** Few, because the next bundle is warmed while calls are decided: each turn of the event loop waits for one batch. */
const WARM_BATCH = 10

/**
 * Loads the module of a verified bundle.
 *
 * The SDK throws strings and plain objects, takes `ArrayBuffer` for JSON that it need not serialize, and silently
 * misreads every other buffer: all of that stays in this file.
 */
export async function loadEvaluator(wasm: Uint8Array): Promise<PolicyEvaluator> {
  const loaded = await load(wasm)
  const evaluate = (input: PolicyInput): PolicyOutput => {
    let results: unknown
    try {
      results = loaded.evaluate(encodeInput(input))
    } catch (error) {
      throw asPolicyError('policy could not be evaluated', error)
    }
    return checkedOutput(results)
  }
  const smoke = () => {
    for (const { name, input, outcome, codes } of SMOKE_CALLS) {
      const output = evaluate(input)
      const found = output.reasons.map(({ code }) => code)
      if (output.outcome === outcome && found.join() === codes.join()) continue
      throw new PolicyError(`smoke call ${JSON.stringify(name)}: got ${output.outcome} [${found}], expected ${outcome} [${codes}]`)
    }
  }
  const warm = async (calls = WARM_CALLS) => {
    for (let done = 0; done < calls; done += WARM_BATCH) {
      for (let index = done; index < Math.min(calls, done + WARM_BATCH); index++) evaluate(smokeInput(index))
      await new Promise<void>((resolve) => setImmediate(resolve))
    }
  }
  return { evaluate, warm, smoke }
}

async function load(wasm: Uint8Array) {
  try {
    // The copy is over memory of its own, as the SDK takes no view of a shared or resizable buffer.
    return await loadPolicy(new Uint8Array(wasm), { initial: 5, maximum: MEMORY_PAGES_MAX })
  } catch (error) {
    throw asPolicyError('the policy module could not be loaded', error)
  }
}

function smokeInput(index: number): PolicyInput {
  const call = SMOKE_CALLS[index % SMOKE_CALLS.length]
  if (call === undefined) throw new PolicyError('there are no smoke calls')
  return call.input
}

const encoder = new TextEncoder()

/**
 * Most of the input never changes: the agent's policy is put in as the JSON that it is, and tenant, tool and data are
 * serialized once for each object that a host passes.
 */
function encodeInput({ call, agent, tenant, tool, data, chain, budget, approval, region, zone, now }: PolicyInput): ArrayBuffer {
  const text =
    `{"agent":{"id":${json(agent.id)},"policy":${agent.policyJson ?? 'null'}},"call":${json(call)},"tenant":${jsonOnce(tenant)}` +
    `,"tool":${jsonOnce(tool)},"data":${jsonOnce(data)},"chain":${json(chain)},"budget":${json(budget)}` +
    `,"approval":${json(approval)},"region":${json(region)},"zone":${json(zone)},"now":${json(now)}}`
  const bytes = encoder.encode(text)
  if (bytes.byteLength > INPUT_BYTES_MAX)
    throw new PolicyError(`policy input has ${bytes.byteLength} bytes, at most ${INPUT_BYTES_MAX} are judged`)
  const { buffer } = bytes
  return buffer.byteLength === bytes.byteLength ? buffer : buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength)
}

/** A fact that is missing altogether must not turn into text that is no JSON. */
function json(value: unknown): string {
  return JSON.stringify(value) ?? 'null'
}

const serialized = new WeakMap<object, string>()

function jsonOnce(value: object | null): string {
  if (typeof value !== 'object' || value === null) return json(value)
  const known = serialized.get(value)
  if (known !== undefined) return known
  const text = JSON.stringify(value)
  serialized.set(value, text)
  return text
}

function checkedOutput(results: unknown): PolicyOutput {
  const output = Array.isArray(results) && results.length === 1 ? results[0]?.result : undefined
  if (!isPolicyOutput(output)) throw new PolicyError('policy gave an answer of another shape')
  return output
}

/** Cheap by intent: it runs on every call. What it lets through cannot forward anything that the four outcomes do not. */
function isPolicyOutput(output: unknown): output is PolicyOutput {
  if (typeof output !== 'object' || output === null) return false
  const { outcome, reasons, obligations } = output as Partial<PolicyOutput>
  if (!(OUTCOMES as readonly unknown[]).includes(outcome)) return false
  if (!Array.isArray(reasons) || !reasons.every(isReason)) return false
  if (typeof obligations !== 'object' || obligations === null) return false
  const { redact, approval, cost, route_zone, export: leavesZone, taint } = obligations
  return (
    Array.isArray(redact) &&
    Array.isArray(taint) &&
    Number.isSafeInteger(cost) &&
    typeof leavesZone === 'boolean' &&
    (route_zone === null || typeof route_zone === 'string') &&
    agrees(outcome as Outcome, reasons.length, redact.length, approval)
  )
}

/** An outcome without the obligation that it speaks of is no answer. */
function agrees(outcome: Outcome, reasons: number, redactions: number, approval: unknown): boolean {
  switch (outcome) {
    case 'allow':
      return reasons === 0 && redactions === 0 && approval === null
    case 'deny':
      return reasons > 0 && approval === null
    case 'sanitize':
      return reasons > 0 && redactions > 0 && approval === null
    case 'approval_needed':
      return reasons > 0 && typeof approval === 'object' && approval !== null
  }
}

function isReason(reason: unknown): reason is Reason {
  if (typeof reason !== 'object' || reason === null) return false
  const { code, message, rule } = reason as Partial<Reason>
  return typeof code === 'string' && Object.hasOwn(REASONS, code) && typeof message === 'string' && typeof rule === 'string'
}

function asPolicyError(what: string, thrown: unknown): PolicyError {
  if (thrown instanceof PolicyError) return thrown
  const detail =
    typeof thrown === 'string' ? thrown : typeof thrown === 'object' && thrown !== null && 'message' in thrown ? thrown.message : thrown
  return new PolicyError(`${what}: ${detail}`, { cause: thrown })
}
