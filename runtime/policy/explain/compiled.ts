import { z } from 'zod'

// An agent's policy as Rego reads it (`compilePolicy`), as far as explaining goes: read leniently, as another version may have compiled it.

const path = z.array(z.string())
const param = z.object({ name: z.string(), at: path, op: z.string(), value: z.unknown() })
const permission = z.object({
  amount: z
    .object({ at: path, currency_at: path, limits: z.record(z.string(), z.object({ max: z.number(), above: z.string() })) })
    .optional(),
  params: z.array(param).default([]),
  on_drift: z.string().default('deny'),
})
const compiledPolicy = z.object({
  tenant: z.string(),
  tools: z.record(z.string(), z.record(z.string(), permission)).default({}),
  data: z.record(z.string(), z.object({ do: z.string().optional(), export: z.string().optional() })).default({}),
  chain: z.array(z.record(z.string(), z.unknown())).default([]),
  budget: z.object({ currency: z.string().optional(), unit: z.string().optional() }).optional(),
})

export type CompiledPolicy = z.output<typeof compiledPolicy>
export type Permission = z.output<typeof permission>
export type Money = NonNullable<Permission['amount']>
export type Param = z.output<typeof param>

/** @returns undefined when no document names the agent, or it is of a shape that nobody here can explain */
export function readCompiled(policyJson: string | null): CompiledPolicy | undefined {
  if (policyJson === null) return undefined
  return compiledPolicy.safeParse(JSON.parse(policyJson)).data
}

/** What the document says about an action; undefined when it does not allow it. */
export function permissionOf(
  policy: CompiledPolicy | undefined,
  { tool, action }: { tool: string; action: string },
): Permission | undefined {
  const actions = own(policy?.tools, tool)
  return own(actions, action)
}

/** The exact class, else its family, as Rego looks for them. */
export function dataRuleName(policy: CompiledPolicy, className: string): string | undefined {
  return [className, className.split('.', 1)[0] ?? ''].find((name) => Object.hasOwn(policy.data, name))
}

export function own<T>(record: Readonly<Record<string, T>> | undefined, key: string): T | undefined {
  return record !== undefined && Object.hasOwn(record, key) ? record[key] : undefined
}
