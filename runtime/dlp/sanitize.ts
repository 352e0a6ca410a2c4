import type { JsonObject, JsonValue } from '../model/call.ts'
import type { Redaction } from '../model/verdict.ts'
import type { RedactMethod } from '../policy/policy-io.ts'
import { pseudonym } from './pseudonym.ts'
import type { Finding, Scan, Scanner } from './scan.ts'

export interface Sanitized {
  /** A copy with nothing of the classes left in it, as far as the scanner sees. */
  arguments: JsonObject
  /** What was rewritten: each path and class once. */
  redactions: readonly Redaction[]
  /** Of them, what a pseudonym stands for now: still personal data when it is exported. */
  pseudonymized: readonly Finding[]
}

export interface SanitizeOptions {
  scanner: Scanner
  /** At least 32 random bytes, one key a zone. */
  pseudonymKey: Uint8Array
}

/**
 * Rewrites what was found of the classes in `methods` (named exactly, `national_id.de`), then scans the very result.
 *
 * @returns undefined when something cannot be rewritten: it is encoded, spread over several strings, in a key or a number, or is
 * still found afterwards; or when data of another class shows in the result. Nothing may be forwarded then
 * @throws DlpLimitError from the scan of the result
 */
export function sanitize(
  args: JsonObject,
  scan: Scan,
  methods: ReadonlyMap<string, RedactMethod>,
  { scanner, pseudonymKey }: SanitizeOptions,
): Sanitized | undefined {
  const concerned = scan.findings.filter((finding) => methods.has(finding.class))
  if (concerned.some(({ layer }) => !REWRITABLE.has(layer))) return undefined
  const byPath = Map.groupBy(concerned, ({ path }) => path)
  const rewriter = new Rewriter(byPath, scan, methods, pseudonymKey)
  const rewritten = rewriter.object(args, '')
  if (rewritten === undefined || rewriter.places !== byPath.size) return undefined
  // A class that shows only now was hidden by what stood beside it, and whoever judged the call did not know of it.
  if (scanner.scan(rewritten).classes.some((name) => methods.has(name) || !scan.classes.includes(name))) return undefined
  if (standsElsewhere(rewriter.values, rewritten)) return undefined
  const redactions = new Map(concerned.map(({ path, class: name }): [string, Redaction] => [`${name} ${path}`, { path, class: name }]))
  return {
    arguments: rewritten,
    redactions: [...redactions.values()],
    pseudonymized: concerned.filter((finding) => methods.get(finding.class) === 'pseudonymize'),
  }
}

/** Layers of which each unit has its own place in the string. */
const REWRITABLE: ReadonlySet<string> = new Set(['plain', 'nfkc'])

class Rewriter {
  /** Strings that were rewritten. */
  places = 0
  /** What stood where something was put instead. */
  readonly values = new Set<string>()
  readonly #byPath: ReadonlyMap<string, readonly Finding[]>
  readonly #keyPaths: ReadonlySet<string>
  readonly #methods: ReadonlyMap<string, RedactMethod>
  readonly #pseudonymKey: Uint8Array

  constructor(
    byPath: ReadonlyMap<string, readonly Finding[]>,
    scan: Scan,
    methods: ReadonlyMap<string, RedactMethod>,
    pseudonymKey: Uint8Array,
  ) {
    this.#byPath = byPath
    this.#keyPaths = new Set(scan.findings.flatMap(({ path, layer }) => (layer === 'key' || layer.startsWith('key+') ? [path] : [])))
    this.#methods = methods
    this.#pseudonymKey = pseudonymKey
  }

  /** @returns undefined when two members have one path, as a key given by its index can have the name of another */
  object(value: JsonObject, path: string): JsonObject | undefined {
    const copy: JsonObject = {}
    const segments = new Set<string>()
    let index = 0
    for (const [name, item] of Object.entries(value)) {
      const segment = this.#keyPaths.has(`${path}/${index}`) ? String(index) : name.replaceAll('~', '~0').replaceAll('/', '~1')
      if (segments.has(segment)) return undefined
      segments.add(segment)
      const rewritten = this.#value(item, `${path}/${segment}`)
      if (rewritten === undefined) return undefined
      Object.defineProperty(copy, name, { value: rewritten, enumerable: true, writable: true, configurable: true })
      index++
    }
    return copy
  }

  #value(value: JsonValue, path: string): JsonValue | undefined {
    if (typeof value === 'string') return this.#string(value, path)
    if (Array.isArray(value)) {
      const copy: JsonValue[] = []
      for (const [index, item] of value.entries()) {
        const rewritten = this.#value(item, `${path}/${index}`)
        if (rewritten === undefined) return undefined
        copy.push(rewritten)
      }
      return copy
    }
    return typeof value === 'object' && value !== null ? this.object(value, path) : value
  }

  #string(text: string, path: string): string {
    const findings = this.#byPath.get(path)
    if (findings === undefined) return text
    this.places++
    let result = ''
    let at = 0
    for (const { start, end, name, method } of merged(findings, this.#methods)) {
      this.values.add(text.slice(start, end))
      result += text.slice(at, start) + this.#instead(text.slice(start, end), name, method)
      at = end
    }
    return result + text.slice(at)
  }

  #instead(value: string, name: string, method: RedactMethod): string {
    if (method === 'pseudonymize') return pseudonym(name, value, this.#pseudonymKey)
    return method === 'mask' ? masked(value) : `[${name}]`
  }
}

/** Shorter values are parts of other words. */
const VALUE_MIN = 5
/** Values times characters that are compared: some 20 ms. */
const COMPARISONS_MAX = 100_000_000

/** The same value in a place where nothing said what it is. It would leave after all. */
function standsElsewhere(values: ReadonlySet<string>, rewritten: JsonObject): boolean {
  const telling = [...values].filter((value) => value.length >= VALUE_MIN)
  const texts: string[] = []
  collect(rewritten, texts)
  const all = texts.join('\n')
  return telling.length * all.length > COMPARISONS_MAX || telling.some((value) => all.includes(value))
}

function collect(value: JsonValue, texts: string[]): void {
  if (typeof value === 'string') texts.push(value)
  else if (typeof value === 'number') texts.push(String(value))
  else if (typeof value === 'object' && value !== null) {
    for (const [name, item] of Object.entries(value)) {
      texts.push(name)
      collect(item, texts)
    }
  }
}

interface Cut {
  start: number
  end: number
  name: string
  method: RedactMethod
}

/** Of methods for one place, the one that leaves least. */
const RANK: Record<RedactMethod, number> = { mask: 0, pseudonymize: 1, redact: 2 }

/** Places in order; those that overlap are one, named after its longest finding. */
function merged(findings: readonly Finding[], methods: ReadonlyMap<string, RedactMethod>): Cut[] {
  const cuts: (Cut & { longest: number })[] = []
  for (const { span, class: name } of [...findings].sort((a, b) => a.span[0] - b.span[0] || b.span[1] - a.span[1])) {
    const [start, end] = span
    const method = methods.get(name) ?? 'redact'
    const last = cuts.at(-1)
    if (last === undefined || start >= last.end) {
      cuts.push({ start, end, name, method, longest: end - start })
      continue
    }
    last.end = Math.max(last.end, end)
    if (RANK[method] > RANK[last.method]) last.method = method
    if (end - start > last.longest) {
      last.name = name
      last.longest = end - start
    }
  }
  return cuts
}

/** Characters that a mask leaves. */
const SHOWN = 4
/** A value of which four characters are a third or more would be told by them. */
const MASKABLE_MIN = 12

function masked(value: string): string {
  const characters = [...value.normalize('NFKC')].filter((character) => /[\p{L}\p{N}]/u.test(character))
  return characters.length < MASKABLE_MIN ? '****' : `****${characters.slice(-SHOWN).join('')}`
}
