import { Lexer, type Token, type Tokens } from 'marked'
import { isMap, LineCounter, type Node, parseDocument } from 'yaml'
import type { z } from 'zod'
import { type Block, type BlockOf, blockSchema, type FrontMatter, frontMatterSchema } from './runbook-schema.ts'

/** A runbook as the runner uses it. The prose around the blocks is for people and is not kept. */
export interface Runbook extends FrontMatter {
  file: string
  /** Blocks in the order of the file. */
  steps: (Block & { line: number })[]
}

/** Every fault found, one a line, each as `file:line: what`. */
export class RunbookError extends Error {
  override name = 'RunbookError'
  readonly faults: readonly string[]
  constructor(faults: readonly string[]) {
    super(faults.join('\n'))
    this.faults = faults
  }
}

/**
 * Reads a runbook: YAML front matter, Markdown, and fenced `drill` blocks of YAML at its top level. Fails
 * closed: a block, key, objective, fault or command that it does not know is an error, never skipped.
 * @param file name for messages
 * @throws RunbookError with the line of every fault
 */
export function parseRunbook(source: string, file: string): Runbook {
  const text = source.replace(/\r\n?/g, '\n')
  const faults: Fault[] = []
  const { yaml, bodyLine, body } = splitFrontMatter(text, file)
  const front = parseYaml(yaml, 2, frontMatterSchema, faults)
  const steps = drillBlocks(body, bodyLine, faults).flatMap(({ yaml: block, line }) => {
    const parsed = parseYaml(block, line, blockSchema, faults)
    return parsed === undefined ? [] : [{ ...parsed, line }]
  })
  if (faults.length === 0) faults.push(...orderFaults(steps))
  if (faults.length > 0 || front === undefined) {
    const lines = faults.toSorted((a, b) => a.line - b.line).map(({ line, what }) => `${file}:${line}: ${what}`)
    throw new RunbookError(lines)
  }
  return { ...front, file, steps }
}

/** The one block of a type that occurs exactly once. */
export function theStep<Type extends 'steady' | 'control' | 'rollback'>(runbook: Runbook, type: Type): BlockOf<Type> {
  return runbook.steps.find((step): step is BlockOf<Type> & { line: number } => step.type === type) as BlockOf<Type>
}

interface Fault {
  line: number
  what: string
}

function splitFrontMatter(text: string, file: string): { yaml: string; body: string; bodyLine: number } {
  const match = /^---\n([\s\S]*?\n)---\n/.exec(text)
  if (match?.[1] === undefined) throw new RunbookError([`${file}:1: needs YAML front matter between two lines of ---`])
  return { yaml: match[1], body: text.slice(match[0].length), bodyLine: countLines(match[0]) + 1 }
}

/** Fenced `drill` blocks with the line of their first YAML line. Whatever merely looks like one is a fault. */
function drillBlocks(body: string, firstLine: number, faults: Fault[]): { yaml: string; line: number }[] {
  const found: { yaml: string; line: number }[] = []
  let line = firstLine
  for (const token of Lexer.lex(body)) {
    if (token.type === 'code' && looksLikeDrill(token as Tokens.Code)) {
      const { lang, raw, text } = token as Tokens.Code
      if (lang !== 'drill') faults.push({ line, what: `the fence must say just "drill", got ${JSON.stringify(lang)}` })
      else if (!/\n(```+|~~~+)\s*$/.test(raw)) faults.push({ line, what: 'this drill block is not closed' })
      else found.push({ yaml: text, line: line + 1 })
    } else if (nestedTokens(token).some((inner) => inner.type === 'code' && looksLikeDrill(inner as Tokens.Code))) {
      faults.push({ line, what: `a drill block must stand at the top level, not inside a ${token.type}` })
    }
    line += countLines(token.raw)
  }
  return found
}

function looksLikeDrill({ lang }: Tokens.Code): boolean {
  return lang !== undefined && /^\W*drill/i.test(lang)
}

function nestedTokens(token: Token): Token[] {
  const { tokens = [], items = [] } = token as { tokens?: Token[]; items?: Token[] }
  return [...tokens, ...items].flatMap((inner) => [inner, ...nestedTokens(inner)])
}

/** Parses YAML against a schema. Faults get the line in the runbook of the key or value that they are about. */
function parseYaml<Schema extends z.ZodType>(
  yaml: string,
  firstLine: number,
  schema: Schema,
  faults: Fault[],
): z.output<Schema> | undefined {
  const lineCounter = new LineCounter()
  const document = parseDocument(yaml, { lineCounter, uniqueKeys: true, strict: true })
  const problems = [...document.errors, ...document.warnings]
  if (problems.length > 0) {
    // The library appends a picture of the place; the first line says it all.
    faults.push(
      ...problems.map((problem) => ({ line: firstLine + (problem.linePos?.[0].line ?? 1) - 1, what: firstLineOf(problem.message) })),
    )
    return undefined
  }
  const parsed = schema.safeParse(document.toJS())
  if (parsed.success) return parsed.data
  const lineAt = (path: readonly PropertyKey[]) => firstLine + lineCounter.linePos(offsetOf(document.contents, path)).line - 1
  for (const { path, what } of parsed.error.issues.flatMap(describeIssue)) {
    faults.push({ line: lineAt(path), what: path.length === 0 ? what : `${path.map(String).join('.')}: ${what}` })
  }
  return undefined
}

function describeIssue(issue: z.core.$ZodIssue): { path: PropertyKey[]; what: string }[] {
  if (issue.code === 'unrecognized_keys') return issue.keys.map((key) => ({ path: [...issue.path, key], what: 'unknown key' }))
  if (issue.code === 'invalid_key')
    return [{ path: issue.path, what: `is not known; ${issue.issues.map(({ message }) => message).join(', ')}` }]
  if (issue.code === 'invalid_union' && issue.errors.length > 0) {
    return [{ path: issue.path, what: issue.errors.flatMap((branch) => branch.map(({ message }) => message)).join(', or ') }]
  }
  if (issue.code === 'invalid_union') return [{ path: issue.path, what: 'is not one of the known types' }]
  return [{ path: issue.path, what: issue.message }]
}

/** Offset of the key or item that a path ends at, or of the deepest ancestor that exists. */
function offsetOf(root: unknown, path: readonly PropertyKey[]): number {
  let node = root as Node | null
  let offset = node?.range?.[0] ?? 0
  for (const part of path) {
    if (isMap(node)) {
      const pair = node.items.find(({ key }) => String(key) === String(part))
      if (pair === undefined) break
      offset = (pair.key as Node | null)?.range?.[0] ?? offset
      node = pair.value as Node | null
    } else {
      const item = (node as { items?: Node[] } | null)?.items?.[Number(part)]
      if (item === undefined) break
      offset = item.range?.[0] ?? offset
      node = item
    }
  }
  return offset
}

/** Rules between blocks: a drill has one gate, one control run before any fault, and a way back for every fault. */
function orderFaults(steps: Runbook['steps']): Fault[] {
  const faults: Fault[] = []
  const fault = (line: number, what: string) => faults.push({ line, what })
  for (const type of ['steady', 'control', 'rollback'] as const) {
    const of = steps.filter((step) => step.type === type)
    if (of.length !== 1) fault(of[1]?.line ?? 1, `needs exactly one ${type} block, has ${of.length}`)
  }
  if (steps[0] !== undefined && steps[0].type !== 'steady') fault(steps[0].line, 'the first block must be the steady gate')
  if (steps.at(-1)?.type !== 'rollback') fault(steps.at(-1)?.line ?? 1, 'the last block must be the rollback')
  const seen = new Map<string, string>()
  for (const step of steps) {
    if (seen.has(step.id)) fault(step.line, `id: ${step.id} is used twice`)
    if (step.type === 'inject' && ![...seen.values()].includes('control'))
      fault(step.line, 'a fault may be injected only after the control run')
    const undone = step.type === 'failback' ? [step.undo] : step.type === 'rollback' ? step.undo : []
    for (const target of undone)
      if (seen.get(target) !== 'inject') fault(step.line, `undo: no inject block ${JSON.stringify(target)} before this`)
    seen.set(step.id, step.type)
  }
  const injects = steps.filter((step) => step.type === 'inject')
  if (injects.length !== 1) fault(injects[1]?.line ?? 1, `needs exactly one inject block, has ${injects.length}`)
  const rollback = steps.find((step) => step.type === 'rollback')
  for (const { id, line } of injects) if (!rollback?.undo.includes(id)) fault(line, `the rollback does not undo ${id}`)
  for (const type of ['observe', 'failback'] as const) {
    if (steps.filter((step) => step.type === type).length !== 1) fault(1, `needs exactly one ${type} block`)
  }
  return faults
}

function countLines(text: string): number {
  return text.split('\n').length - 1
}

function firstLineOf(message: string): string {
  return (
    message
      .split('\n')[0]
      ?.replace(/:$/, '')
      .replace(/ at line \d+, column \d+$/, '') ?? message
  )
}
