import { z } from 'zod'
import type { Answer } from '../http.ts'
import type { Expected } from './row.ts'

const verdictSchema = z.object({
  decision: z.string(),
  enforced: z.string(),
  mode: z.string(),
  reasons: z.array(z.object({ code: z.string() })),
  region: z.string(),
  route: z.object({ region: z.string() }).optional(),
  arguments: z.unknown().optional(),
})
const errorSchema = z.object({ error: z.object({ code: z.string() }) })

/** What an answer comes down to, in the words of the table. */
export interface Judgement {
  got: string
  ok: boolean
  /** Region that decided, where it says so. */
  region: string | undefined
}

/** Compares an answer with what the table promises. @param zoneOf zone of a region */
export function judge(
  answer: Pick<Answer, 'status' | 'text'>,
  expected: Expected,
  zoneOf: (region: string) => string | undefined,
): Judgement {
  const body = parsed(answer.text)
  const verdict = verdictSchema.safeParse(body)
  if (!verdict.success) {
    const error = errorSchema.safeParse(body)
    const code = error.success ? error.data.error.code : undefined
    // An answer that is neither verdict nor error body fits no promise, whatever its status.
    return {
      got: `${answer.status} ${code ?? 'without a code'}`,
      ok: code !== undefined && answer.status === expected.status && code === expected.error,
      region: undefined,
    }
  }
  const { decision, enforced, mode, reasons, region, route } = verdict.data
  const codes = reasons.map(({ code }) => code)
  const routeZone = route && zoneOf(route.region)
  const kept = expected.withheld === undefined || withholds(verdict.data.arguments, expected.withheld)
  const ok =
    expected.error === undefined &&
    answer.status === expected.status &&
    agrees(expected.decision, decision) &&
    agrees(expected.enforced, enforced) &&
    agrees(expected.mode, mode) &&
    (expected.reason === undefined || codes.some((code) => agrees(expected.reason, code))) &&
    agrees(expected.routeZone, routeZone) &&
    kept
  // Of several reasons the one that was promised, so that a line shows whether it is there.
  const reason = codes.find((code) => agrees(expected.reason, code)) ?? codes[0]
  const got = describe({ decision, enforced, mode, reason, routeZone: expected.routeZone && routeZone })
  return { got: kept ? got : `${got}, and the data is in it`, ok, region }
}

/** An expectation in the words that answers are described with. */
export function describeExpected(expected: Expected): string {
  return expected.error === undefined ? describe(expected) : `${expected.status} ${expected.error}`
}

interface Described {
  decision?: string | readonly string[] | undefined
  enforced?: string | undefined
  mode?: string | undefined
  reason?: string | readonly string[] | undefined
  routeZone?: string | undefined
}

function describe({ decision = '', enforced, mode, reason, routeZone }: Described): string {
  const parts = [oneOf(decision)]
  if (enforced !== undefined && enforced !== decision) parts.push(`enforced ${enforced}`)
  if (mode === 'shadow') parts.push('shadow')
  if (reason !== undefined) parts.push(oneOf(reason))
  if (routeZone !== undefined) parts.push(`route ${routeZone}`)
  return parts.join(', ')
}

const oneOf = (values: string | readonly string[]) => [values].flat().join(' or ')

const agrees = (wanted: string | readonly string[] | undefined, got: string | undefined) =>
  wanted === undefined || (got !== undefined && [wanted].flat().includes(got))

/** Whether there are arguments, and the text is not in them however it is spaced. */
function withholds(args: unknown, text: string): boolean {
  return (
    args !== undefined &&
    !JSON.stringify(args)
      .replaceAll(/[^A-Za-z0-9]/g, '')
      .includes(text)
  )
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}
