import type { Diff } from './answers.ts'
import { changeCounts, changeLines } from './changes.ts'
import { wrap } from './wrap.ts'

/** Words first: they are what a reviewer decides by. Patches only where they are asked for. */
export function diffLines(
  { changes, files }: Diff,
  { from, to, patch, columns }: { from: string; to: string; patch: boolean; columns: number },
): string[] {
  const head = `${from} -> ${to}`
  if (changes.length === 0 && files.length === 0) return [`${head}: no difference`]
  const words = changes.length === 0 ? ['no decision changes: only text'] : changeLines(changes, columns)
  const texts = patch ? files.flatMap(({ patch: text }) => ['', ...text.trimEnd().split('\n')]) : fileLines(files, columns)
  return [`${head}${changes.length === 0 ? '' : `: ${changeCounts(changes)}`}`, '', ...words, ...texts]
}

function fileLines(files: Diff['files'], columns: number): string[] {
  if (files.length === 0) return []
  const names = files.map(({ path }) => path).join(', ')
  return ['', ...wrap(`${files.length} ${files.length === 1 ? 'file' : 'files'}: `, `${names} (--patch shows them)`, columns)]
}
