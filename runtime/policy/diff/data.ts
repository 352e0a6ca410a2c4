import type { AgentDocument, DataRule } from '../agent-document.ts'
import { grown, namesOf, own, type Said, saidOf } from './change.ts'

type Data = AgentDocument['data']
type Full = { inside: 'allow' | 'deny' | 'redact' | 'mask' | 'pseudonymize'; outside: 'deny' | 'approval_needed' | 'allow' }

/** What may happen to each data class: compared is what holds for it, be it said for the class, its family or by default. */
export function dataChanges(name: string, before: Data, after: Data): Said[] {
  return namesOf(before, after).flatMap((cls) =>
    saidOf(`${name}: the rule for ${cls}`, own(before, cls), own(after, cls), () => {
      const [old, now] = [holding(before, cls), holding(after, cls)]
      return [...insideChange(name, cls, old, now), ...outsideChange(name, cls, old, now)]
    }),
  )
}

function insideChange(name: string, cls: string, old: Full, now: Full): Said[] {
  if (old.inside === now.inside) return []
  return [
    grown(INSIDE[now.inside] - INSIDE[old.inside], `${name}: ${cls} in a call is now ${HANDLED[now.inside]}, was ${HANDLED[old.inside]}`),
  ]
}

function outsideChange(name: string, cls: string, old: Full, now: Full): Said[] {
  if (old.outside === now.outside) return []
  return [grown(OUTSIDE[now.outside] - OUTSIDE[old.outside], `${name}: ${cls} ${LEAVES[now.outside]}, ${LEFT[old.outside]}`)]
}

/** As data.rego looks it up: the exact class, else its family, else allowed inside and denied outside. */
function holding(data: Data, cls: string): Full {
  return full(own(data, cls) ?? own(data, cls.split('.')[0] ?? '') ?? 'allow')
}

function full(rule: DataRule): Full {
  if (typeof rule === 'string') return { inside: rule === 'sanitize' ? 'redact' : rule, outside: 'deny' }
  return { inside: rule.do === 'sanitize' ? (rule.method ?? 'redact') : rule.do, outside: rule.export }
}

/** How freely a class is used. Of masks and pseudonyms nobody can say which tells more. */
const INSIDE = { deny: 0, redact: 1, mask: 1.5, pseudonymize: 1.5, allow: 3 } as const
const OUTSIDE = { deny: 0, approval_needed: 1, allow: 2 } as const

const HANDLED = { allow: 'allowed', deny: 'denied', redact: 'redacted', mask: 'masked', pseudonymize: 'pseudonymized' } as const
const LEAVES = {
  deny: 'may no longer leave the zone',
  approval_needed: 'may now leave the zone when a data protection officer agrees',
  allow: 'may now leave the zone freely',
} as const
const LEFT = { deny: 'never did', approval_needed: 'did when a data protection officer agreed', allow: 'did freely' } as const
