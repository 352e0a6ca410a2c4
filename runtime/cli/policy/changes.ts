import type { Diff } from './answers.ts'
import { wrap } from './wrap.ts'

/** Changes as a reviewer reads them, by what they are about. */
export function changeLines(changes: Diff['changes'], columns: number): string[] {
  const subjects = [...new Set(changes.map(({ subject }) => subject))]
  return subjects.flatMap((subject) => [
    subject,
    ...changes.filter((one) => one.subject === subject).flatMap(({ kind, text }) => wrap(`  ${kind.padEnd(KIND_WIDTH)}  `, text, columns)),
  ])
}

/** `2 widened, 1 added`, in the order of how much a reviewer must care. */
export function changeCounts(changes: Diff['changes']): string {
  const kinds = [...new Set([...KINDS, ...changes.map(({ kind }) => kind)])]
  return kinds
    .map((kind) => [kind, changes.filter((one) => one.kind === kind).length] as const)
    .filter(([, count]) => count > 0)
    .map(([kind, count]) => `${count} ${kind}`)
    .join(', ')
}

const KINDS = ['widened', 'changed', 'added', 'removed', 'narrowed']
const KIND_WIDTH = Math.max(...KINDS.map((kind) => kind.length))
