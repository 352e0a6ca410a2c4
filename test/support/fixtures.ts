import { readdirSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import type { JsonObject, JsonValue } from '../../runtime/model/call.ts'
import { pointerSegments } from '../../runtime/policy/arguments.ts'
import type { PolicyInput, PolicyOutput } from '../../runtime/policy/policy-io.ts'

const FOLDER = fileURLToPath(new URL('../../policies/fixtures/', import.meta.url))

/** One input and what policy has to say to it. */
export interface Fixture {
  name: string
  /** As Rego reads it. */
  input: JsonObject
  outcome: string
  /** `code rule`, in order. */
  reasons: string[]
  /** Those obligations that the fixture is about. */
  obligations: JsonObject
}

/** A case as the files write it: the base input with some values set or removed, or one value a time from `each`. */
interface Case {
  name: string
  set?: JsonObject
  remove?: string[]
  each?: { at: string; values: JsonValue[] }
  outcome: string
  reasons: string[]
  obligations?: JsonObject
}

/** A payment that is allowed. */
export function baseInput(): JsonObject {
  return readJson('base.json') as JsonObject
}

export function loadFixtures(): Fixture[] {
  const base = baseInput()
  const names = readdirSync(FOLDER).filter((name) => name.endsWith('.json') && name !== 'base.json')
  return names.flatMap((name) => (readJson(name) as { cases: Case[] }).cases.flatMap((entry) => expand(name, base, entry)))
}

/** The same facts as the gateway hands them to the evaluator. */
export function policyInput(wire: JsonObject): PolicyInput {
  const { agent, ...facts } = structuredClone(wire)
  const { id, policy } = agent as { id: string; policy: JsonValue }
  return { ...facts, agent: { id, policyJson: JSON.stringify(policy) } } as unknown as PolicyInput
}

export function said(output: PolicyOutput): string[] {
  return output.reasons.map(({ code, rule }) => `${code} ${rule}`)
}

function expand(file: string, base: JsonObject, { name, set = {}, remove = [], each, obligations = {}, ...expected }: Case): Fixture[] {
  const input = structuredClone(base)
  for (const [at, value] of Object.entries(set)) put(input, at, value)
  for (const at of remove) put(input, at, undefined)
  const title = `${file}: ${name}`
  if (each === undefined) return [{ name: title, input, obligations, ...expected }]
  return each.values.map((value) => {
    const one = structuredClone(input)
    put(one, each.at, value)
    return { name: `${title}: ${each.at} ${JSON.stringify(value)}`, input: one, obligations, ...expected }
  })
}

/** Sets or removes the value at a JSON Pointer, arrays by index. */
function put(target: JsonObject, at: string, value: JsonValue | undefined): void {
  const segments = pointerSegments(at)
  const last = segments.pop()
  let inner: Record<string, JsonValue> = target
  for (const segment of segments) inner = inner[segment] as JsonObject
  if (last === undefined) throw new Error(`${at} is no place in an input`)
  if (value === undefined) delete inner[last]
  else inner[last] = structuredClone(value)
}

function readJson(name: string): unknown {
  return JSON.parse(readFileSync(`${FOLDER}${name}`, 'utf8'))
}
