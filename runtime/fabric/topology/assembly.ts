import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { z } from 'zod'
import type { Origin } from './topology.ts'

/** One synthesized stack of a cloud assembly. */
export interface Stack {
  name: string
  region: string
  account: string
  template: Template
}

/** One resource with the stack around it, which its intrinsic functions need. */
export interface Resource {
  logicalId: string
  type: string
  properties: Record<string, unknown>
  /** Name of the condition that the resource hangs on. */
  condition?: string
  stack: Stack
}

/**
 * Reads every stack of a cloud assembly (`cdk.out`), those of nested assemblies (stages) included.
 * Throws an Error naming the file when there is no assembly or it cannot be parsed.
 */
export function readAssembly(folder: string): Stack[] {
  const manifest = parseJson(join(folder, 'manifest.json'), manifestSchema)
  return Object.entries(manifest.artifacts).flatMap(([id, artifact]) => {
    if (artifact.type === 'cdk:cloud-assembly') return readAssembly(join(folder, nestedSchema.parse(artifact.properties).directoryName))
    if (artifact.type !== 'aws:cloudformation:stack') return []
    const { templateFile, stackName } = stackSchema.parse(artifact.properties)
    const place = /^aws:\/\/([^/]+)\/([^/]+)$/.exec(artifact.environment ?? '')
    if (place?.[1] === undefined || place[2] === undefined)
      throw new Error(
        `${join(folder, 'manifest.json')}: stack ${id} has environment ${artifact.environment}; give it an account and a region`,
      )
    return [{ name: stackName ?? id, account: place[1], region: place[2], template: parseJson(join(folder, templateFile), templateSchema) }]
  })
}

export function resourcesOf(stack: Stack): Resource[] {
  return Object.entries(stack.template.Resources).map(([logicalId, { Type, Properties, Condition }]) => ({
    logicalId,
    type: Type,
    properties: Properties,
    ...(Condition !== undefined && { condition: Condition }),
    stack,
  }))
}

export function originOf({ logicalId, stack }: Resource): Origin {
  return { stack: stack.name, logicalId, region: stack.region, account: stack.account }
}

const manifestSchema = z.object({
  artifacts: z.record(z.string(), z.object({ type: z.string(), environment: z.string().optional(), properties: z.unknown().optional() })),
})
const stackSchema = z.object({ templateFile: z.string(), stackName: z.string().optional() })
const nestedSchema = z.object({ directoryName: z.string() })
const templateSchema = z.object({
  Parameters: z.record(z.string(), z.object({ Default: z.unknown().optional() })).default({}),
  Resources: z
    .record(
      z.string(),
      z.object({ Type: z.string(), Properties: z.record(z.string(), z.unknown()).default({}), Condition: z.string().optional() }),
    )
    .default({}),
})
export type Template = z.output<typeof templateSchema>

function parseJson<T>(file: string, schema: z.ZodType<T>): T {
  let json: unknown
  try {
    json = JSON.parse(readFileSync(file, 'utf8'))
  } catch (error) {
    throw new Error(`${file}: ${(error as Error).message}; synthesize first, with npm run synth`, { cause: error })
  }
  const parsed = schema.safeParse(json)
  if (parsed.success) return parsed.data
  const issue = parsed.error.issues[0]
  throw new Error(`${file}: ${issue?.path.join('.')}: ${issue?.message}`)
}
