import { z } from 'zod'
import type { Resource } from './assembly.ts'
import { resolve, Unresolved, where } from './intrinsics.ts'
import { TemplateError } from './template-error.ts'

/**
 * Resolves and parses the named properties of a resource. With `closed`, a property that the schema does not
 * know is refused: it would change the resource's behaviour without the fabric showing it.
 */
export function parseProperties<T extends z.ZodRawShape>(
  resource: Resource,
  shape: T,
  options: { closed: boolean },
): z.output<z.ZodObject<T>> {
  const properties: Record<string, unknown> = {}
  for (const [key, value] of Object.entries(resource.properties)) {
    if (key in shape) properties[key] = resolve(value, resource.stack)
    else if (options.closed)
      throw new TemplateError(where(resource, key), 'the fabric does not know this property', 'remove it, or teach the topology reader')
  }
  const parsed = z.object(shape).safeParse(properties)
  if (parsed.success) return parsed.data
  const issue = parsed.error.issues[0]
  const path = issue?.path.map(String).join('.') ?? ''
  let got: unknown = properties
  for (const key of issue?.path ?? []) {
    if (got instanceof Unresolved) break
    got = (got as Record<PropertyKey, unknown> | undefined)?.[key]
  }
  const fault = got instanceof Unresolved ? got.what : `${issue?.message} (got ${JSON.stringify(got)})`
  const key = issue?.code === 'unrecognized_keys' ? `.${issue.keys.join(',')}` : ''
  throw new TemplateError(where(resource, `${path}${key}`), fault, 'write what the fabric understands, or teach the topology reader')
}

/** CloudFormation writes numbers and booleans as strings wherever it likes. */
export const cfnNumber = z.union([z.number(), z.string().regex(/^\d+$/).transform(Number)])
export const cfnBoolean = z.union([z.boolean(), z.enum(['true', 'false']).transform((text) => text === 'true')])
/** A domain name: lower case, without the final dot. */
export const cfnName = z.string().transform((name) => name.toLowerCase().replace(/\.$/, ''))
