import type { Survey } from '../survey.ts'

/** A part of a URL with its pieces put together, as data is smuggled in host labels and parameters. */
export interface UrlPart {
  text: string
  start: number
  end: number
}

const URL_MAX = 4096

/** Of each URL: the host's labels, the path's segments and the query's values, each without what separates them. */
export function urlParts(text: string, { marks }: Survey): UrlPart[] {
  const parts: UrlPart[] = []
  let done = 0
  for (const mark of marks) {
    if (mark < done || !text.startsWith('://', mark)) continue
    const start = mark + 3
    let end = start
    while (end < text.length && end - start < URL_MAX && !/[\s"'<>\\]/.test(text.charAt(end))) end++
    done = end
    const pathStart = firstOf(text, /[/?#]/, start, end)
    const queryStart = firstOf(text, /[?#]/, pathStart, end)
    const labels = text.slice(start, pathStart).split('.')
    if (labels.length > 3) parts.push({ text: labels.slice(0, -2).join(''), start, end: pathStart })
    const segments = text
      .slice(pathStart, queryStart)
      .split('/')
      .filter((segment) => segment !== '')
    if (segments.length > 1) parts.push({ text: segments.join(''), start: pathStart, end: queryStart })
    const values = text
      .slice(queryStart + 1, end)
      .split(/[&;#]/)
      .map((pair) => pair.slice(pair.indexOf('=') + 1))
    if (values.length > 1) parts.push({ text: values.join(''), start: queryStart, end })
  }
  return parts
}

function firstOf(text: string, units: RegExp, from: number, to: number): number {
  for (let at = from; at < to; at++) if (units.test(text.charAt(at))) return at
  return to
}
