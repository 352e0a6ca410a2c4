import { z } from 'zod'
import type { OpaResult } from '../opa.ts'
import type { DocumentFault } from '../yaml-file.ts'

const reported = z.object({
  errors: z.array(
    z.object({
      message: z.string(),
      code: z.string().optional(),
      location: z.object({ file: z.string(), row: z.number(), col: z.number().optional() }).optional(),
      details: z.unknown().optional(),
    }),
  ),
})

/**
 * What opa complains about with `--format json`, where it complains about it.
 *
 * @param step for a complaint without a place: `check`
 * @returns at least one fault for a step that failed
 */
export function opaFaults(step: string, { stdout, stderr, code }: OpaResult): DocumentFault[] {
  if (code === 0) return []
  for (const text of [stdout, stderr]) {
    const parsed = reported.safeParse(jsonOf(text))
    if (parsed.success && parsed.data.errors.length > 0)
      return parsed.data.errors.map(({ message, location, details }) => ({
        file: location?.file ?? 'gateway',
        line: Math.max(1, location?.row ?? 1),
        column: Math.max(1, location?.col ?? 1),
        path: '',
        message: `opa ${step}: ${oneLine(message)}${hintOf(details)}`,
      }))
  }
  const said = oneLine(`${stdout} ${stderr}`)
  return [{ file: 'gateway', line: 1, column: 1, path: '', message: `opa ${step} failed: ${said === '' ? `exit code ${code}` : said}` }]
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

/** What a type error had and wanted, in a few words. */
function hintOf(details: unknown): string {
  const hint = typeof details === 'object' && details !== null && 'hint' in details ? details.hint : undefined
  return typeof hint === 'string' ? `; ${oneLine(hint)}` : ''
}

const LENGTH_MAX = 500

/** One fault is one line, whatever text a policy puts into it. */
function oneLine(text: string): string {
  const line = text.trim().replaceAll(/\s+/g, ' ')
  return line.length > LENGTH_MAX ? `${line.slice(0, LENGTH_MAX)} ...` : line
}
