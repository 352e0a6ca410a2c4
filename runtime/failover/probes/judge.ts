import { z } from 'zod'
import type { FailureClass, ProbeResult } from '../journal.ts'
import type { CallSpec } from '../runbook-schema.ts'

export type Judgement = Pick<ProbeResult, 'ok' | 'failure' | 'detail' | 'region' | 'wrongVerdict' | 'residencyViolation'>

const verdictSchema = z.object({
  decision: z.string(),
  region: z.string(),
  reasons: z.array(z.object({ code: z.string() })).default([]),
})
const errorSchema = z.object({ error: z.object({ code: z.string() }) })

/** Header by which the fabric's WAN says why no connection came about; a real network would have failed it. */
const WAN_ERROR = 'aegis-wan'
const WAN_CLASSES: Readonly<Record<string, FailureClass>> = { refused: 'refused', reset: 'reset', unresolved: 'dns' }

/**
 * Judges an answer against the one right verdict. A verdict from outside the allowed regions is a residency
 * violation even if it is the right one: by then the call has been read there.
 */
export function judgeAnswer(
  answer: { status: number; headers: Readonly<Record<string, string | string[] | undefined>>; text: string },
  expected: Pick<CallSpec, 'expect' | 'reason'>,
  allowedRegions: readonly string[],
): Judgement {
  const wanError = answer.headers[WAN_ERROR]
  if (typeof wanError === 'string') return failed(WAN_CLASSES[wanError] ?? 'other', wanError)
  const parsed = parseJson(answer.text)
  if (answer.status !== 200) {
    const error = errorSchema.safeParse(parsed)
    return failed(`http_${answer.status}`, error.success ? error.data.error.code : undefined)
  }
  const verdict = verdictSchema.safeParse(parsed)
  // A 200 without a readable verdict is no permission: it is a wrong verdict like any other.
  if (!verdict.success) return { ...failed('bad_answer', 'not a verdict'), wrongVerdict: true }
  const { decision, region, reasons } = verdict.data
  const residencyViolation = !allowedRegions.includes(region)
  const missingReason = expected.reason !== undefined && !reasons.some(({ code }) => code === expected.reason)
  const wrongVerdict = decision !== expected.expect || missingReason
  if (wrongVerdict) {
    const detail = `expected ${expected.expect}${missingReason ? ` for ${expected.reason}` : ''}, got ${decision}`
    return { ok: false, failure: 'wrong_verdict', detail, region, wrongVerdict, residencyViolation }
  }
  if (residencyViolation)
    return { ok: false, failure: 'foreign_zone', detail: `answered by ${region}`, region, wrongVerdict, residencyViolation }
  return { ok: true, region, wrongVerdict, residencyViolation }
}

/** Names what kept a call from any answer at all. */
export function judgeError(error: unknown): Judgement {
  const { name = '', code = '' } = error as { name?: string; code?: string }
  if (name === 'TimeoutError' || code === 'UND_ERR_CONNECT_TIMEOUT') return failed('timeout')
  if (code === 'ECONNRESET' || code === 'EPIPE' || code === 'UND_ERR_SOCKET') return failed('reset')
  // Only the client's own proxy can refuse it directly: then the harness is broken, not the region.
  if (code === 'ECONNREFUSED') return failed('proxy', 'the WAN proxy refused the connection')
  return failed('other', code === '' ? name : code)
}

function failed(failure: FailureClass, detail?: string): Judgement {
  return {
    ok: false,
    failure,
    ...(detail === undefined ? {} : { detail }),
    wrongVerdict: false,
    residencyViolation: false,
  }
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}
