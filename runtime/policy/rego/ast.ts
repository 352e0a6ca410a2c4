/** A place in a Rego file, from 1. */
export interface Place {
  row: number
  col: number
}

/** What `opa parse --format json --json-include locations` says, as far as it is read here (OPA's own AST, v1/ast). */
export interface Term {
  type: string
  value: unknown
  location?: Place
}

export interface Expression {
  /** One term, or a call: the function's name as a ref, then its arguments. `some` and `every` are objects of other shapes. */
  terms: Term | Term[] | object
  negated?: boolean
  location?: Place
}

export interface RegoRule {
  default?: boolean
  head: { name?: string; ref?: Term[]; value?: Term; args?: Term[]; location?: Place }
  body: Expression[]
  else?: RegoRule
  location?: Place
}

/** One parsed file of the library. */
export interface RegoFile {
  /** `gateway/access.rego` */
  path: string
  package: { path: Term[]; location?: Place }
  imports?: { path: Term; alias?: string; location?: Place }[]
  rules?: RegoRule[]
}

/** A function that is called: `sprintf`, `regex.match`. */
export interface Call {
  name: string
  args: readonly Term[]
  location: Place | undefined
  negated: boolean
}

/** Every object and array in a part of a file, from outside in. */
export function* everything(part: unknown): Generator<object> {
  if (typeof part !== 'object' || part === null) return
  yield part
  for (const [key, inner] of Object.entries(part)) if (key !== 'location') yield* everything(inner)
}

export function expressionsOf(part: unknown): Expression[] {
  return [...everything(part)].filter((inner): inner is Expression => 'terms' in inner)
}

/** Calls that stand as an expression, and calls within terms. */
export function callsOf(part: unknown): Call[] {
  return [...everything(part)].flatMap((inner): Call[] => {
    if ('terms' in inner) {
      const { terms, negated = false } = inner as Expression
      return Array.isArray(terms) ? callOf(terms, negated, (inner as Expression).location) : []
    }
    const { type, value, location } = inner as Term
    return type === 'call' && Array.isArray(value) ? callOf(value, false, location) : []
  })
}

function callOf([operator, ...args]: readonly Term[], negated: boolean, around: Place | undefined): Call[] {
  const name = operator === undefined ? undefined : dotted(operator)
  return name === undefined ? [] : [{ name, args, negated, location: operator?.location ?? around }]
}

export function refsOf(part: unknown): Term[] {
  return [...everything(part)].filter((inner): inner is Term => 'type' in inner && inner.type === 'ref')
}

/** `data.aegis.gateway` for a ref of names alone, up to the first step that is none. */
export function dotted(term: Term): string | undefined {
  const steps: unknown = term.type === 'var' ? [term] : term.value
  if (!Array.isArray(steps)) return undefined
  const names: string[] = []
  for (const step of steps as Term[]) {
    if (typeof step.value !== 'string' || (names.length > 0 && step.type !== 'string')) break
    names.push(step.value)
  }
  return names.length === 0 ? undefined : names.join('.')
}

/** True for text, number, truth value and null: what has one value, known now. */
export function isConstant({ type }: Term): boolean {
  return type === 'string' || type === 'number' || type === 'boolean' || type === 'null'
}

export function nameOf({ head }: RegoRule): string | undefined {
  return head.name ?? (head.ref === undefined ? undefined : dotted({ type: 'ref', value: head.ref }))
}
