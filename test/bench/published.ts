import { spawnSync } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'

/** What was measured, as a table says it. */
export function commit(): string {
  const { status, stdout } = spawnSync('git', ['describe', '--always', '--dirty'], { encoding: 'utf8' })
  return status === 0 ? stdout.trim() : 'unknown'
}

/** Puts a table in its place in a document. @throws Error when the document has no such place */
export function replaceSection(file: string, name: string, text: string): void {
  const [from, to] = [`<!-- ${name}:begin -->`, `<!-- ${name}:end -->`]
  const old = readFileSync(file, 'utf8')
  if (!old.includes(from) || !old.includes(to)) throw new Error(`${file} has no section ${from}`)
  writeFileSync(file, `${old.slice(0, old.indexOf(from) + from.length)}\n${text}\n${old.slice(old.indexOf(to))}`)
}
