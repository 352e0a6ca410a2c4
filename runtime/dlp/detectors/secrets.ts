import { isAlphanumeric } from '../characters.ts'
import { entropy } from '../checksums.ts'
import { TOPIC } from '../context-words.ts'
import { contextAt, type Detector } from '../subject.ts'
import { JSON_WEB_TOKEN, SECRET_RULES } from './secret-rules.ts'

const byFirst: RegExp[][] = Array.from({ length: 128 }, () => [])
for (const { first, form } of SECRET_RULES) for (const unit of first) byFirst[unit.charCodeAt(0)]?.push(form)

const DOT = 0x2e
/** Units that every rule asks for, so that the ends of tokens are not tried. */
const RULE_MIN = 14
/** Between the end of one token and the start of the rule that began before it, as in "SG.<id>.<secret>". */
const LEAD_MAX = 14

/** API keys and tokens by their published prefixes. */
export const detectSecrets: Detector = (subject, report) => {
  const { text, survey, meter } = subject
  const { tokens } = survey
  let done = 0
  for (let index = 0; index < tokens.length; index += 2) {
    const start = leadOf(text, tokens[index] as number, done)
    const end = tokens[index + 1] as number
    meter.spend(end - start)
    for (let at = Math.max(start, done); at <= end - RULE_MIN; at++) {
      const code = text.charCodeAt(at)
      if (code > 0x7f || (at > start && isAlphanumeric(text.charCodeAt(at - 1)))) continue
      const length = longestRule(text, at, code)
      if (length === 0) continue
      report('api_key', at, at + length, 0.95)
      meter.spend(length)
      done = at + length
      at = done - 1
    }
    if (!subject.plain && end > done) looksRandom(text, tokens[index] as number, end, report)
  }
}

/** A short word and a dot before a token belong to it. */
function leadOf(text: string, start: number, done: number): number {
  let at = start
  while (
    at > done &&
    start - at < LEAD_MAX &&
    (isAlphanumeric(text.charCodeAt(at - 1)) || text.charCodeAt(at - 1) === DOT || text.charCodeAt(at - 1) === 0x3a)
  )
    at--
  return at
}

function longestRule(text: string, at: number, code: number): number {
  let length = 0
  for (const form of byFirst[code] ?? []) {
    form.lastIndex = at
    length = Math.max(length, form.exec(text)?.[0].length ?? 0)
  }
  if (code === 0x65 && text.startsWith('eyJ', at)) {
    JSON_WEB_TOKEN.lastIndex = at
    length = Math.max(length, JSON_WEB_TOKEN.exec(text)?.[0].length ?? 0)
  }
  return length
}

/** Somebody has encoded a string that is random already: a secret, where plain text would need a word beside it. */
function looksRandom(
  text: string,
  start: number,
  end: number,
  report: (name: string, start: number, end: number, confidence: number) => void,
): void {
  const size = end - start
  if (size < 36 || size > 88) return
  const token = text.slice(start, end)
  if (/[a-z]/.test(token) && /[A-Z]/.test(token) && /\d/.test(token) && /[/+]/.test(token) && entropy(token) >= 4.3)
    report('api_key', start, end, 0.5)
}

const { password, secret, key, access, privateKey, bearer, page } = TOPIC
/** From a word that announces a secret to the mark before its value. */
const LABEL_REACH = 24
const VALUE_MAX = 512

/** `password: ...`, `API_KEY=...`, `"client_secret":"..."`, `Bearer ...`, and values whose key says so. */
export const detectAssignments: Detector = (subject, report) => {
  const { text, survey, keyTopics, meter } = subject
  const { context, marks, tokens } = survey
  if (text.length <= VALUE_MAX && (keyTopics & (password | secret | key | bearer)) !== 0 && (keyTopics & page) === 0) {
    meter.spend(text.length)
    const start = text.length - text.trimStart().length
    judge(text.trim(), start, keyTopics, report, true)
  }
  let word = 0
  for (const mark of marks) {
    while (word < context.length && (context[word + 1] as number) <= mark) word += 4
    let topics = 0
    for (let at = word - 4; at >= 0 && mark - (context[at + 1] as number) <= LABEL_REACH; at -= 4) topics |= context[at + 2] as number
    if ((topics & (password | secret | key)) === 0 || (topics & page) !== 0) continue
    const [start, end] = valueAt(text, mark + 1)
    meter.spend(end - mark + 20)
    if (text.charCodeAt(mark) === 0x3a && text.charCodeAt(mark + 1) === 0x2f) continue
    if (end > start && /^[\w\s"'\]\-.]*$/.test(text.slice(Math.max(0, mark - 3), mark)))
      judge(text.slice(start, end), start, topics, report, false)
  }
  for (let index = 0; index < tokens.length; index += 2) {
    const start = tokens[index] as number
    const lead = text.slice(Math.max(0, start - 10), start)
    if (!/(?:bearer|basic|token)\s$/i.test(lead)) continue
    const [, end] = valueAt(text, start)
    meter.spend(end - start)
    judge(text.slice(start, end), start, secret | bearer, report, false)
  }
}

/** A value up to white space, a quote or a delimiter. */
function valueAt(text: string, from: number): [number, number] {
  let start = from
  while (start < text.length && start - from < 4 && /[\s"'`=>]/.test(text.charAt(start))) start++
  let end = start
  while (end < text.length && end - start < VALUE_MAX && !/[\s"'`,;&<>(){}[\]]/.test(text.charAt(end))) end++
  return [start, end]
}

const PLACEHOLDER =
  /^(?:[*x.#_-]+|null|none|true|false|undefined|required|optional|redacted|hidden|string|\*{4}[\p{L}\p{N}]{0,4}|\[[a-z_.]{1,40}\]|<.*>|\$\{?.*|%.*%|\{\{.*)$/iu

function judge(
  value: string,
  start: number,
  topics: number,
  report: (name: string, start: number, end: number, confidence: number) => void,
  whole: boolean,
): void {
  if (value.length < 6 || /\s/.test(value) || PLACEHOLDER.test(value)) return
  const kinds = [/[a-z]/, /[A-Z]/, /\d/, /[^A-Za-z0-9]/].filter((kind) => kind.test(value)).length
  if ((topics & password) !== 0 && (kinds >= 2 || whole) && value.length <= 128) {
    report('api_key', start, start + value.length, kinds >= 3 ? 0.8 : 0.6)
    return
  }
  const named = (topics & secret) !== 0 || ((topics & key) !== 0 && (topics & (access | privateKey)) !== 0)
  if (!named || value.length < 20 || !/\d/.test(value) || !/[A-Za-z]/.test(value)) return
  if (/^[0-9a-f]{8}-[0-9a-f]{4}-/i.test(value) || /^https?:/i.test(value)) return
  if (entropy(value) >= 3.3) report('api_key', start, start + value.length, 0.7)
}

/** `https://user:password@host` (RFC 3986, section 3.2.1). */
export const detectUrlPassword: Detector = ({ text, survey, meter }, report) => {
  for (const at of survey.ats) {
    const from = Math.max(0, at - 160)
    const before = text.slice(from, at)
    const scheme = before.lastIndexOf('://')
    if (scheme === -1) continue
    meter.spend(40)
    const user = /^[^\s/:@"'<>]{0,64}:([^\s/@"'<>]{3,128})$/.exec(before.slice(scheme + 3))
    if (user?.[1] !== undefined && !PLACEHOLDER.test(user[1])) report('api_key', at - user[1].length, at, 0.8)
  }
}

/** Basic credentials in an Authorization header (RFC 7617): what decodes to `user:password`. */
export function isBasicCredential(subject: Parameters<Detector>[0], start: number, decoded: string): boolean {
  return /^[^\s:]{1,64}:[^\s]{3,128}$/.test(decoded) && (contextAt(subject, start, start, 12, 0).topics & bearer) !== 0
}
