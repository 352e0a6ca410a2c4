import type { JsonObject, JsonValue } from '../model/call.ts'
import { type CustomClass, customDetector } from './custom-class.ts'
import { type Piece, scanJoined } from './joined.ts'
import { DEFAULT_LIMITS, type DlpLimits, Meter } from './limits.ts'
import { type CustomDetector, scanText, type TextContext, type TextFinding } from './scan-text.ts'
import { survey } from './survey.ts'

/** A limit is used up. What was found until then is worth nothing, as the rest was not seen: the call is refused. */
export class DlpLimitError extends Error {
  override name = 'DlpLimitError'
  constructor(limit: keyof DlpLimits) {
    super(`the value needs more than the limit ${limit} allows`)
  }
}

/** How a finding was seen: as the text stands, in a key, in a number, or after undoing an encoding (several, joined by `+`). */
export type Layer = 'plain' | 'key' | 'number' | 'nfkc' | 'percent' | 'base64' | 'base32' | 'hex' | 'joined' | 'url' | (string & {})

/** Data of one class at one place. */
export interface Finding {
  /** JSON Pointer (RFC 6901). A key that itself holds a finding is given by its index in the object, so that no path repeats data. */
  path: string
  class: string
  /** UTF-16 units of the string at `path` (of the key, for layer `key`; of the number as JSON writes it). Decoded data has the span of the encoded run. */
  span: readonly [number, number]
  layer: Layer
  /** From 0 to 1. */
  confidence: number
}

export interface Scan {
  /** In the order of the value. */
  findings: readonly Finding[]
  /** Sorted, each once. */
  classes: readonly string[]
  /** Work units that it took. */
  work: number
}

export interface Scanner {
  /** @throws DlpLimitError when the value needs more than the limits allow; what was found until then is worth nothing */
  scan(value: JsonValue): Scan
}

/** A scanner for the built-in data classes and those that documents declare. It keeps no state between scans. */
export function createScanner({ custom = [], limits }: { custom?: readonly CustomClass[]; limits?: Partial<DlpLimits> } = {}): Scanner {
  const detect = custom.length === 0 ? undefined : customDetector(custom)
  const all = { ...DEFAULT_LIMITS, ...limits }
  return { scan: (value) => new Walk(detect, new Meter(all, (limit) => new DlpLimitError(limit))).run(value) }
}

const ROOT: TextContext = { topics: 0, countries: 0, keys: [] }
const EMBEDDED_MAX = 65_536

/** One scan of one value. */
class Walk {
  readonly #findings: Finding[] = []
  readonly #pieces: Piece[] = []
  readonly #custom: CustomDetector | undefined
  readonly #meter: Meter
  #parents = 0

  constructor(custom: CustomDetector | undefined, meter: Meter) {
    this.#custom = custom
    this.#meter = meter
  }

  run(value: JsonValue): Scan {
    this.#visit(value, '', undefined, 0, ROOT, 0)
    this.#join(this.#pieces)
    const classes = [...new Set(this.#findings.map(({ class: name }) => name))].sort()
    return { findings: this.#findings, classes, work: this.#meter.spent }
  }

  #visit(value: JsonValue, path: string, key: string | undefined, parent: number, context: TextContext, depth: number): void {
    if (typeof value === 'string') this.#string(value, path, key, parent, context)
    else if (typeof value === 'number') this.#number(value, path, key, parent, context)
    else if (typeof value === 'object' && value !== null) this.#container(value, path, context, depth)
  }

  #container(value: JsonValue[] | JsonObject, path: string, context: TextContext, depth: number): void {
    this.#meter.enter(depth + 1)
    this.#meter.spend(1)
    this.#parents++
    const self = this.#parents
    if (Array.isArray(value)) {
      for (const [index, item] of value.entries()) this.#visit(item, `${path}/${index}`, undefined, self, context, depth + 1)
      return
    }
    let index = 0
    for (const name in value) {
      const known = knownKey(name)
      const segment = known?.segment ?? this.#key(name, path, index)
      const own = known?.context ?? contextOf(name)
      // The key above says something too: {"patient": {"id": ...}}.
      const below = context.topics === 0 && context.countries === 0 && this.#custom === undefined ? own : mergedContext(context, own)
      this.#visit(value[name] as JsonValue, `${path}/${segment}`, name, self, below, depth + 1)
      index++
    }
  }

  /** Scans a key that is not known to be harmless. @returns its segment of a path: its index when it holds data */
  #key(name: string, path: string, index: number): string {
    this.#meter.read(name.length)
    const found = scanText(name, ROOT, this.#custom, this.#meter)
    for (const finding of found) this.#keep(`${path}/${index}`, finding, ['key', ...finding.layers])
    return found.length > 0 ? String(index) : escapeSegment(name)
  }

  #string(text: string, path: string, key: string | undefined, parent: number, context: TextContext): void {
    this.#meter.read(text.length)
    for (const finding of scanText(text, context, this.#custom, this.#meter)) this.#keep(path, finding, finding.layers)
    this.#pieces.push({ text, path, parent, key, isNumber: false })
    if (/^\s*[[{]/.test(text) && text.length <= EMBEDDED_MAX) this.#embedded(text, path)
  }

  #number(value: number, path: string, key: string | undefined, parent: number, context: TextContext): void {
    const text = JSON.stringify(value)
    this.#meter.read(text.length)
    this.#meter.spend(1)
    if (Number.isInteger(value)) this.#pieces.push({ text, path, parent, key, isNumber: true })
    if (text.length < 6) return
    for (const finding of scanText(text, context, this.#custom, this.#meter)) {
      // A whole number is a form that every second field has: what only its check digit says is not enough.
      if (finding.layers.length === 0 && finding.confidence >= 0.7) this.#keep(path, finding, ['number'])
    }
  }

  /** JSON in a string, as the body of a request: its parts can be put together as well. */
  #embedded(text: string, path: string): void {
    this.#meter.spend(text.length)
    let value: JsonValue
    try {
      value = JSON.parse(text)
    } catch {
      return
    }
    const pieces: Piece[] = []
    this.#collect(value, undefined, 0, pieces, path, 0)
    this.#join(pieces, text.length)
  }

  #collect(value: JsonValue, key: string | undefined, parent: number, pieces: Piece[], path: string, depth: number): void {
    if (typeof value === 'string') pieces.push({ text: value, path, parent, key, isNumber: false })
    else if (typeof value === 'number' && Number.isInteger(value)) pieces.push({ text: String(value), path, parent, key, isNumber: true })
    else if (typeof value === 'object' && value !== null) {
      this.#meter.enter(depth + 1)
      this.#parents++
      const self = this.#parents
      const entries = Array.isArray(value) ? value.map((item) => [undefined, item] as const) : Object.entries(value)
      for (const [name, item] of entries) this.#collect(item, name, self, pieces, path, depth + 1)
    }
  }

  /** @param length of the string that holds the pieces, when they are not strings of the value themselves */
  #join(pieces: readonly Piece[], length?: number): void {
    const places = new Set(this.#findings.map(({ path, class: name }) => `${name} ${path}`))
    const isFound = (path: string, name: string) => places.has(`${name} ${path}`)
    for (const { class: name, path, span, confidence, layers } of scanJoined(pieces, isFound, this.#custom, this.#meter)) {
      if (this.#findings.some((other) => other.path === path && other.class === name && other.layer === layers.join('+'))) continue
      this.#keep(path, { class: name, start: span[0], end: length ?? span[1], confidence, layers }, layers)
    }
  }

  #keep(path: string, { class: name, start, end, confidence }: TextFinding, layers: readonly string[]): void {
    this.#findings.push({ path, class: name, span: [start, end], layer: layers.length === 0 ? 'plain' : layers.join('+'), confidence })
    this.#meter.keep(this.#findings.length)
  }
}

interface KnownKey {
  segment: string
  context: TextContext
}

/** Keys repeat from call to call. Only names of letters are kept, which hold no data: a seed phrase or a token is longer. */
const knownKeys = new Map<string, KnownKey>()
const KNOWN_KEYS_MAX = 2048
const NAME = /^(?![A-Z]{16})[A-Za-z_-]{1,24}$/

function knownKey(key: string): KnownKey | undefined {
  const known = knownKeys.get(key)
  if (known !== undefined || !NAME.test(key)) return known
  const learnt = { segment: key, context: contextOf(key) }
  if (knownKeys.size < KNOWN_KEYS_MAX) knownKeys.set(key, learnt)
  return learnt
}

/** Characters of a key that can say what the value is. */
const KEY_READ_MAX = 64

function contextOf(key: string): TextContext {
  const { context } = survey(key.slice(0, KEY_READ_MAX))
  let topics = 0
  let countries = 0
  for (let at = 0; at < context.length; at += 4) {
    topics |= context[at + 2] as number
    countries |= context[at + 3] as number
  }
  return { topics, countries, keys: [key] }
}

/** Of a key and the one above it. */
function mergedContext(above: TextContext, own: TextContext): TextContext {
  const top = above.keys.at(-1)
  const parent = top === undefined ? above : (knownKeys.get(top)?.context ?? contextOf(top))
  return { topics: parent.topics | own.topics, countries: parent.countries | own.countries, keys: [...above.keys.slice(-1), ...own.keys] }
}

function escapeSegment(key: string): string {
  return /[~/]/.test(key) ? key.replaceAll('~', '~0').replaceAll('/', '~1') : key
}
