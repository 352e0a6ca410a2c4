import type { Subject } from '../subject.ts'

/**
 * Groups of digits that stand together, at most three separators apart: "+1 (978) 645-9740", "4111 1111 1111 1111".
 * Line breaks end a cluster.
 */
export class Cluster {
  readonly starts: number[] = []
  readonly ends: number[] = []
  /** Ends with an extension: `2851x818` is the group 2851. */
  readonly extended: number[] = []
  /** Groups that a detector has taken: others leave them alone. */
  readonly taken: boolean[] = []
  readonly #text: string

  constructor(text: string) {
    this.#text = text
  }

  add(start: number, end: number, extended: number): void {
    this.starts.push(start)
    this.ends.push(end)
    this.extended.push(extended)
    this.taken.push(false)
  }

  /** What stands between group `index` and the one before it. */
  gap(index: number): string {
    return this.#text.slice(this.ends[index - 1], this.starts[index])
  }

  /** Digits of `count` groups from `first` on. */
  digits(first: number, count: number): string {
    let all = ''
    for (let index = first; index < first + count; index++) all += this.#text.slice(this.starts[index], this.ends[index])
    return all
  }

  take(first: number, count: number): void {
    for (let index = first; index < first + count; index++) this.taken[index] = true
  }
}

const GAP_MAX = 3
const STRIDE = 3

export function clustersOf({ text, survey }: Subject): Cluster[] {
  const clusters: Cluster[] = []
  const { numbers } = survey
  let current: Cluster | undefined
  let lastEnd = -1
  for (let at = 0; at < numbers.length; at += STRIDE) {
    const start = numbers[at] as number
    const wordEnd = numbers[at + 1] as number
    const letters = numbers[at + 2] as number
    const end = letters === 0 ? wordEnd : letters === 1 ? endBeforeExtension(text, start, wordEnd) : 0
    if (end === 0) {
      current = undefined
      continue
    }
    if (current === undefined || !isGap(text, lastEnd, start)) {
      current = new Cluster(text)
      clusters.push(current)
    }
    current.add(start, end, wordEnd)
    if (end === wordEnd) lastEnd = end
    // Nothing of a number follows its extension.
    else current = undefined
  }
  return clusters
}

/** Length of the number in `2851x818`; 0 when the letter is another one, or stands elsewhere. */
function endBeforeExtension(text: string, start: number, end: number): number {
  const at = text.slice(start, Math.min(end, start + 12)).search(/[xX]/)
  return at >= 2 && end - start - at - 1 >= 1 && end - start - at - 1 <= 6 ? start + at : 0
}

const SEPARATORS = new Set([...' -.()/+\t'].map((separator) => separator.charCodeAt(0)))

function isGap(text: string, from: number, to: number): boolean {
  if (to - from > GAP_MAX) return false
  for (let at = from; at < to; at++) if (!SEPARATORS.has(text.charCodeAt(at))) return false
  return true
}
