import { pieceAt } from '../piece-at.ts'
/**
 * A text made from another one, and where its units came from. Spans of findings are always told in the units of the string
 * that the caller sent.
 */
export interface View {
  text: string
  layer: string
  /** Span of the source for a span of this text. */
  source(start: number, end: number): readonly [number, number]
  /** True where the source has the very same units: what is found there was found in the source already. */
  unchanged(start: number, end: number): boolean
  /** True when each unit has its own place in the source, so that a finding can be rewritten there. */
  exact: boolean
}

/** Collects the text of a view unit by unit, or run by run. */
export class ViewBuilder {
  #text = ''
  // Parallel: the text from `at[i]` on came from the source at `from[i]`, unit for unit, or as a whole until `to[i]`.
  readonly #at: number[] = []
  readonly #from: number[] = []
  readonly #to: number[] = []

  /** Units that are the same in the source. */
  same(source: string, from: number, to: number): void {
    if (to > from) this.#piece(source.slice(from, to), from, -1)
  }

  /** Units that stand for source units `from` to `to`. */
  instead(text: string, from: number, to: number): void {
    if (text !== '') this.#piece(text, from, to)
  }

  #piece(text: string, from: number, to: number): void {
    this.#at.push(this.#text.length)
    this.#from.push(from)
    this.#to.push(to)
    this.#text += text
  }

  build(layer: string, exact: boolean): View {
    const at = this.#at
    const from = this.#from
    const to = this.#to
    return {
      text: this.#text,
      layer,
      exact,
      source: (start, end) => {
        const first = pieceAt(at, start)
        const last = pieceAt(at, Math.max(start, end - 1))
        const sourceStart = to[first] === -1 ? (from[first] as number) + start - (at[first] as number) : (from[first] as number)
        const sourceEnd = to[last] === -1 ? (from[last] as number) + end - (at[last] as number) : (to[last] as number)
        return [sourceStart, sourceEnd]
      },
      unchanged: (start, end) => {
        const first = pieceAt(at, start)
        return to[first] === -1 && first === pieceAt(at, Math.max(start, end - 1))
      },
    }
  }
}
