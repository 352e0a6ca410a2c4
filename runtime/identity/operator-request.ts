import type { z } from 'zod'
import { parseStrictJson, StrictJsonError } from '../model/strict-json.ts'
import type { Operator, OperatorRole } from './operator-token.ts'

// What every API for operators asks of a request, a region's and the control plane's. Each words its refusals by itself.

/** @returns what is missing, in words; undefined when the person has one of the roles */
export function lackingRole({ roles }: Pick<Operator, 'roles'>, needed: readonly OperatorRole[]): string | undefined {
  return needed.some((role) => roles.includes(role)) ? undefined : `this needs the role ${needed.join(' or ')}`
}

const SINGLE_HEADERS = ['authorization', 'host', 'content-type', 'content-length', 'content-encoding', 'transfer-encoding']

/**
 * A proxy in front may pick the other one of two.
 * @param rawHeaders names and values in turn, as they came
 * @param more names in lower case that must not be repeated either
 * @returns the fault in words; undefined when there is none
 */
export function headerFault(rawHeaders: readonly string[], more: readonly string[] = []): string | undefined {
  const single = new Set([...SINGLE_HEADERS, ...more])
  const seen = new Set<string>()
  for (let i = 0; i < rawHeaders.length; i += 2) {
    const name = rawHeaders[i]?.toLowerCase() ?? ''
    if (!single.has(name)) continue
    if (seen.has(name)) return `the header ${name} comes more than once`
    seen.add(name)
    if (name === 'content-encoding' && rawHeaders[i + 1] !== 'identity') return 'content encodings are not accepted'
  }
  return undefined
}

/**
 * An order as a closed schema has it. No body is an empty one.
 * @param body a Buffer, or nothing
 * @returns the order, or the fault in words that repeat nothing of what came
 */
export function readOrder<T>(body: unknown, schema: z.ZodType<T>, limits: { maxDepth: number }): { order: T } | { fault: string } {
  const read = readJson(body, limits)
  if ('fault' in read) return read
  const parsed = schema.safeParse(read.value)
  if (parsed.success) return { order: parsed.data }
  const { path, code, message } = parsed.error.issues[0] ?? { path: [], code: 'custom', message: '' }
  // A schema's own words name what is expected; others may repeat what came.
  const where = path.length === 0 ? 'the body' : path.join('.')
  return { fault: `${where} does not fit${code === 'custom' ? `: ${message}` : ''}` }
}

/** The JSON of a body. No body is an empty object. @param body a Buffer, or nothing */
export function readJson(body: unknown, limits: { maxDepth: number }): { value: unknown } | { fault: string } {
  if (body === undefined || body === null || (Buffer.isBuffer(body) && body.length === 0)) return { value: {} }
  if (!Buffer.isBuffer(body)) return { fault: 'the body is not of type application/json' }
  try {
    return { value: parseStrictJson(body, limits) }
  } catch (error) {
    if (error instanceof StrictJsonError) return { fault: error.message }
    throw error
  }
}
