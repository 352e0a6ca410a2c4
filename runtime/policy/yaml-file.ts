import { type Document, isMap, isScalar, LineCounter, type Node, parseDocument, visit } from 'yaml'
import type { z } from 'zod'

/** One thing wrong in a document, where an editor can jump to. */
export interface DocumentFault {
  file: string
  /** From 1. */
  line: number
  column: number
  /** Keys from the top of the file, joined by dots; empty for the file itself. */
  path: string
  message: string
}

/** One line, in the form that editors follow. */
export function describeFault({ file, line, column, path, message }: DocumentFault): string {
  return `${file}:${line}:${column}: ${path === '' ? '' : `${path}: `}${message}`
}

export type Path = readonly PropertyKey[]

/** A YAML file, checked against its schema, that still knows where each value stands. */
export interface YamlFile<T> {
  /** Undefined when there are faults. */
  value: T | undefined
  faults: DocumentFault[]
  fault(path: Path, message: string): DocumentFault
}

/**
 * Reads YAML 1.2 with the core schema. A duplicate key, an alias, a tag or a broken line is a fault: two readers of one
 * policy must never understand it differently.
 *
 * @param name how faults call the file that the text is of
 */
export function readYaml<T>(text: string, name: string, schema: z.ZodType<T>): YamlFile<T> {
  const lines = new LineCounter()
  const document = parseDocument(text, {
    version: '1.2',
    schema: 'core',
    strict: true,
    uniqueKeys: true,
    prettyErrors: false,
    lineCounter: lines,
  })
  const at = (offset: number) => {
    const { line, col } = lines.linePos(offset)
    return { line: Math.max(line, 1), column: Math.max(col, 1) }
  }
  const fault = (path: Path, message: string): DocumentFault => {
    const { line, column } = at(offsetOf(document.contents, path))
    return { file: name, line, column, path: path.map(String).join('.'), message }
  }
  const broken = [...document.errors, ...document.warnings, ...aliases(document)].map(
    ({ pos, message }): DocumentFault => ({ file: name, ...at(pos[0]), path: '', message: lowerFirst(message) }),
  )
  if (broken.length > 0) return { value: undefined, faults: broken, fault }
  // An empty file is an empty map.
  const parsed = schema.safeParse(document.toJS() ?? {})
  if (parsed.success) return { value: parsed.data, faults: [], fault }
  return { value: undefined, faults: parsed.error.issues.flatMap((issue) => describe(issue, fault)), fault }
}

/** An alias lets a value far away change a rule, and can grow a small file into a large one. */
function aliases(document: Document): { pos: readonly [number]; message: string }[] {
  const found: { pos: readonly [number]; message: string }[] = []
  visit(document, { Alias: (_, { range }) => void found.push({ pos: [range?.[0] ?? 0], message: 'an alias: write the value out' }) })
  return found
}

function describe(issue: z.core.$ZodIssue, fault: (path: Path, message: string) => DocumentFault): DocumentFault[] {
  switch (issue.code) {
    case 'unrecognized_keys':
      return issue.keys.map((key) => fault([...issue.path, key], 'unknown key'))
    case 'invalid_key':
      return issue.issues.map((nested) => fault(issue.path, `this name ${nested.message}`))
    case 'invalid_union': {
      // The branch that got furthest is the one that the author meant.
      const furthest = issue.errors.toSorted((a, b) => depth(b) - depth(a))[0] ?? []
      if (depth(furthest) === 0) return [fault(issue.path, lowerFirst(issue.message))]
      return furthest.flatMap((nested) => describe({ ...nested, path: [...issue.path, ...nested.path] }, fault))
    }
    default:
      return [fault(issue.path, lowerFirst(issue.message))]
  }
}

function depth(issues: readonly z.core.$ZodIssue[]): number {
  return Math.max(0, ...issues.map((issue) => issue.path.length + (issue.code === 'unrecognized_keys' ? 1 : 0)))
}

/** Where the key of the last step stands that is there at all. */
function offsetOf(contents: Node | null, path: Path): number {
  let node: unknown = contents
  let offset = contents?.range?.[0] ?? 0
  for (const step of path) {
    if (isMap(node)) {
      const pair = node.items.find(({ key }) => isScalar(key) && String(key.value) === String(step))
      if (pair === undefined) return offset
      offset = (pair.key as Node).range?.[0] ?? offset
      node = pair.value
    } else if (typeof node === 'object' && node !== null && 'items' in node && Array.isArray(node.items)) {
      node = node.items[Number(step)]
      offset = (node as Node | undefined)?.range?.[0] ?? offset
    } else {
      return offset
    }
  }
  return offset
}

function lowerFirst(text: string): string {
  return text.charAt(0).toLowerCase() + text.slice(1)
}
