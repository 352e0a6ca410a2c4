import canonicalize from 'canonicalize'

/** One difference between two revisions, in words that a reviewer reads. */
export interface Change {
  /** `agent finance-agent`, `tool crm`, `data class ticket`, `module gateway/amount.rego` */
  subject: string
  /** Of what agents may do. `changed`: neither more nor less, or nobody can tell. */
  kind: ChangeKind
  text: string
}

export type ChangeKind = 'added' | 'removed' | 'widened' | 'narrowed' | 'changed'

/** A change whose subject the caller knows. */
export type Said = Omit<Change, 'subject'>

export const added = (text: string): Said => ({ kind: 'added', text })
export const removed = (text: string): Said => ({ kind: 'removed', text })
export const widened = (text: string): Said => ({ kind: 'widened', text })
export const narrowed = (text: string): Said => ({ kind: 'narrowed', text })
export const changed = (text: string): Said => ({ kind: 'changed', text })

/** `widened` when something grew, `narrowed` when it shrank. */
export function grown(by: number, text: string): Said {
  return by > 0 ? widened(text) : by < 0 ? narrowed(text) : changed(text)
}

/** What a describer says of a difference. One that it has no words for, because it means nothing, is still not passed over. */
export function saidOf(what: string, before: unknown, after: unknown, describe: () => Said[]): Said[] {
  if (same(before, after)) return []
  const said = describe()
  return said.length > 0 ? said : [changed(`${what} ${SAME_MEANING}`)]
}

/** Equal as JSON: what is undefined is not there, and the order of keys means nothing. */
export function same(one: unknown, other: unknown): boolean {
  return canonicalize(one) === canonicalize(other)
}

/** Order, or another spelling: the revision differs, and no verdict does. */
export const SAME_MEANING = 'is written differently and means the same'

/** Names in two records, each once: those of `before` first. */
export function namesOf(before: object, after: object): string[] {
  return [...new Set([...Object.keys(before), ...Object.keys(after)])]
}

/** The value under a record's own key. */
export function own<T>(record: Readonly<Record<string, T>>, key: string): T | undefined {
  return Object.hasOwn(record, key) ? record[key] : undefined
}

/** `a`, `a and b`, `a, b and c` */
export function listed(items: readonly string[]): string {
  return items.length < 2 ? items.join('') : `${items.slice(0, -1).join(', ')} and ${items.at(-1)}`
}

export const quoted = (value: unknown): string => JSON.stringify(value)
