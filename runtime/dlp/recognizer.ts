import { z } from 'zod'
import type { JsonValue } from '../model/call.ts'
import type { Dialer, Resolver } from '../model/ports.ts'
import type { Finding } from './scan.ts'

/** A string of a value, and the JSON Pointer to it. */
export interface RecognizableText {
  path: string
  text: string
}

/**
 * Finds what has no form, such as names of people: a service with a model, outside this process. What it finds is added to
 * the scanner's findings; a failure rejects, and the call is refused like any call that could not be looked through.
 */
export interface EntityRecognizer {
  recognize(strings: readonly RecognizableText[]): Promise<readonly Finding[]>
}

export interface HttpRecognizerOptions {
  url: URL
  dialer: Dialer
  resolver: Resolver
  /** Classes that the service may name; any other is a failure. */
  classes: ReadonlySet<string>
  /** @default 1,000 */
  timeoutMs?: number
}

const RESPONSE_BYTES_MAX = 1024 * 1024
const TIMEOUT_MS = 1000

const answerSchema = z.strictObject({
  findings: z.array(
    z.strictObject({
      /** Index of the string in the request. */
      text: z.int().min(0),
      class: z.string(),
      start: z.int().min(0),
      end: z.int().min(1),
      confidence: z.number().min(0).max(1),
    }),
  ),
})

/**
 * Asks a service by HTTP: `POST {"texts": ["..."]}`, answered by `{"findings": [{"text": 0, "class", "start", "end", "confidence"}]}` with spans
 * in UTF-16 units. Paths stay here. Rejects when the service does not answer 200 in time with exactly that.
 */
export function httpRecognizer({ url, dialer, resolver, classes, timeoutMs = TIMEOUT_MS }: HttpRecognizerOptions): EntityRecognizer {
  return {
    recognize: async (strings) => {
      if (strings.length === 0) return []
      const addresses = await resolver.resolve(url.hostname)
      if (addresses.length === 0) throw new Error('the recognizer has no address')
      const response = await dialer.dial({
        url,
        method: 'POST',
        headers: { 'content-type': 'application/json', accept: 'application/json' },
        body: new TextEncoder().encode(JSON.stringify({ texts: strings.map(({ text }) => text) })),
        addresses,
        timeoutMs,
        maxResponseBytes: RESPONSE_BYTES_MAX,
      })
      if (response.status !== 200) throw new Error(`the recognizer answered ${response.status}`)
      return read(response.body, strings, classes)
    },
  }
}

function read(body: Uint8Array, strings: readonly RecognizableText[], classes: ReadonlySet<string>): Finding[] {
  let json: unknown
  try {
    json = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(body))
  } catch {
    throw new Error('the recognizer answered no JSON')
  }
  const answer = answerSchema.safeParse(json)
  if (!answer.success) throw new Error('the recognizer answered in another shape')
  return answer.data.findings.map(({ text: index, class: name, start, end, confidence }) => {
    const place = strings[index]
    if (place === undefined || end > place.text.length || start >= end) throw new Error('the recognizer names a place that does not exist')
    if (!classes.has(name)) throw new Error('the recognizer names a class that is not declared')
    return { path: place.path, class: name, span: [start, end], layer: 'plain', confidence }
  })
}

/** The strings of a value, for a recognizer. */
export function textsOf(value: JsonValue, path = ''): RecognizableText[] {
  if (typeof value === 'string') return value === '' ? [] : [{ path, text: value }]
  if (typeof value !== 'object' || value === null) return []
  if (Array.isArray(value)) return value.flatMap((item, index) => textsOf(item, `${path}/${index}`))
  return Object.entries(value).flatMap(([name, item]) => textsOf(item, `${path}/${name.replaceAll('~', '~0').replaceAll('/', '~1')}`))
}
