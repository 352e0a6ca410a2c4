import { ERRORS, REASONS } from '../../model/codes.ts'
import type { RecordedDecision, RecordedReason } from '../../policy/replay/recorded.ts'

/** What came after policy, or instead of it, in plain words. */
export function inWords(recorded: RecordedDecision): string {
  return `${whoDecided(recorded)}${softened(recorded)}`
}

/** The words of a code: of a reason, or of an error. */
export function messageOf(code: string): string {
  if (Object.hasOwn(REASONS, code)) return REASONS[code as keyof typeof REASONS]
  return Object.hasOwn(ERRORS, code) ? ERRORS[code as keyof typeof ERRORS].message : code
}

function whoDecided({ decision, policy, reasons }: RecordedDecision): string {
  const host = hostReasons(reasons, policy?.reasons ?? [])
    .map(said)
    .join('; ')
  if (decision === 'error') {
    return policy === null
      ? `the call was refused before policy was asked: ${host}`
      : `policy said ${policy.outcome}, and then the call was refused: ${host}`
  }
  if (policy === null) return `policy was not asked, as the host refused the call by itself: ${host}`
  if (policy.outcome === decision && host === '') return `policy decided: ${decision}`
  return `policy said ${policy.outcome}, and then the host decided ${decision}: ${host}`
}

function hostReasons(all: readonly RecordedReason[], ofPolicy: readonly RecordedReason[]): readonly RecordedReason[] {
  return all.filter(({ code, rule }) => !ofPolicy.some((one) => one.code === code && one.rule === rule))
}

function said({ code, rule }: RecordedReason): string {
  const by = Object.entries(HOST).find(([prefix]) => rule === prefix || rule.startsWith(`${prefix}.`))
  return `${messageOf(code)}${by === undefined ? '' : ` (${by[1]})`}`
}

/** Who speaks by a rule of this name. */
const HOST: Readonly<Record<string, string>> = {
  kill: 'a person threw a kill switch',
  guard: 'the guard, which no policy overrides',
  'host.dlp': 'looking for data classes',
  'host.budget': 'when the amount was to be set aside',
  'host.chain': 'when the chain was read or written',
  'host.approval': 'when the approval was to be used',
}

function softened({ decision, enforced, mode }: RecordedDecision): string {
  if (decision === 'error' || decision === enforced) return ''
  return mode === 'shadow' ? `; in shadow mode what was done is ${enforced}` : `; what was done is ${enforced}`
}
