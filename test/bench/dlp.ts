import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { createScanner, DlpLimitError } from '../../runtime/dlp/scan.ts'
import type { JsonValue } from '../../runtime/model/call.ts'

/**
 * How well and how fast data classes are found. Recall and precision need corpora that others wrote: AEGIS_CORPORA names their
 * folder. Speed and the growth of work on hostile texts are measured on texts made here.
 */
export async function benchDlp(): Promise<void> {
  const corpora = process.env.AEGIS_CORPORA
  if (corpora === undefined || !existsSync(corpora)) console.log('AEGIS_CORPORA names no folder: recall and precision are not measured\n')
  else {
    for (const file of readdirSync(join(corpora, 'presidio-research')).filter((name) => name.endsWith('.jsonl'))) {
      console.log(`${scoreSpans(join(corpora, 'presidio-research', file))}\n`)
    }
    console.log(`${agreement(join(corpora, 'agent-egress-bench'))}\n`)
  }
  console.log(`${speed()}\n`)
  console.log(growth())
}

const scanner = createScanner()

const TYPES: Record<string, string> = {
  CREDIT_CARD: 'card',
  US_SSN: 'us_ssn',
  EMAIL_ADDRESS: 'email',
  PHONE_NUMBER: 'phone',
  IBAN_CODE: 'iban',
  IP_ADDRESS: 'ip_address',
}

interface Labelled {
  text: string
  spans: { type: string; start: number; end: number }[]
}

interface Score {
  gold: number
  covered: number
  predicted: number
  right: number
}

/** Recall: gold spans of which every letter and digit is in a prediction of that type. Precision: predictions that overlap a gold span of that type. */
function scoreSpans(file: string): string {
  const scores = new Map(Object.values(TYPES).map((name): [string, Score] => [name, { gold: 0, covered: 0, predicted: 0, right: 0 }]))
  const others = new Map<string, number>()
  for (const line of readFileSync(file, 'utf8').trim().split('\n')) {
    const { text, spans }: Labelled = JSON.parse(line)
    const found = scanner.scan(text).findings
    const gold = spans.flatMap(({ type, start, end }) => (TYPES[type] === undefined ? [] : [{ name: TYPES[type], start, end }]))
    for (const { name, start, end } of gold) {
      const score = scores.get(name) as Score
      const covering = found.filter((finding) => finding.class === name)
      score.gold++
      const all = [...text.slice(start, end)].every((character, at) => {
        return !/[\p{L}\p{N}]/u.test(character) || covering.some(({ span }) => span[0] <= start + at && span[1] > start + at)
      })
      if (all) score.covered++
      else if (process.argv.includes('--misses'))
        console.log(`missed ${name}: ${JSON.stringify(text.slice(Math.max(0, start - 30), end + 15))}`)
    }
    for (const { class: name, span } of found) {
      const score = scores.get(name)
      if (score === undefined) {
        others.set(name, (others.get(name) ?? 0) + 1)
        if (process.argv.includes('--misses'))
          console.log(`also ${name}: ${JSON.stringify(text.slice(Math.max(0, span[0] - 30), span[1] + 15))}`)
        continue
      }
      score.predicted++
      if (gold.some((one) => one.name === name && one.start < span[1] && span[0] < one.end)) score.right++
      else if (process.argv.includes('--misses'))
        console.log(`wrong ${name}: ${JSON.stringify(text.slice(Math.max(0, span[0] - 30), span[1] + 15))}`)
    }
  }
  const sum = (pick: (score: Score) => number) => [...scores.values()].reduce((all, score) => all + pick(score), 0)
  const row = (name: string, { gold, covered, predicted, right }: Score) =>
    `| ${name} | ${gold} | ${percent(covered, gold)} | ${predicted} | ${percent(right, predicted)} |`
  return [
    `${file.split('/').at(-1)}`,
    '| class | gold | recall | found | precision |',
    '|---|---|---|---|---|',
    ...[...scores].map(([name, score]) => row(name, score)),
    row('all six', {
      gold: sum(({ gold }) => gold),
      covered: sum(({ covered }) => covered),
      predicted: sum(({ predicted }) => predicted),
      right: sum(({ right }) => right),
    }),
    `other classes found: ${[...others].map(([name, count]) => `${name} ${count}`).join(', ') || 'none'}`,
  ].join('\n')
}

const percent = (part: number, whole: number) => (whole === 0 ? '-' : `${((100 * part) / whole).toFixed(1)} %`)

interface EgressCase {
  id: string
  expected_verdict: 'block' | 'allow'
  payload: JsonValue
  capability_tags: string[]
}

/** Classes that a policy would refuse to send out; addresses of mail and hosts are in every benign call. */
const HARMLESS = new Set(['email', 'ip_address'])
/** Cases that something other than the arguments' data decides. */
const NOT_DATA = new Set(['ssrf', 'domain_blocklist', 'shell_obfuscation'])

function agreement(dir: string): string {
  const rows: string[] = []
  const wrong: string[] = []
  let total = 0
  for (const category of readdirSync(dir, { withFileTypes: true }).filter((entry) => entry.isDirectory())) {
    let cases = 0
    let agreed = 0
    for (const name of readdirSync(join(dir, category.name))) {
      const one: EgressCase = JSON.parse(readFileSync(join(dir, category.name, name), 'utf8'))
      if (one.capability_tags.some((tag) => NOT_DATA.has(tag))) continue
      cases++
      const classes = scanner.scan(one.payload).classes.filter((found) => !HARMLESS.has(found))
      if (classes.length > 0 === (one.expected_verdict === 'block')) agreed++
      else wrong.push(`${one.id} (expected ${one.expected_verdict}, found ${classes.join(', ') || 'nothing'})`)
    }
    total += cases
    rows.push(`| ${category.name} | ${cases} | ${agreed} |`)
  }
  return [
    'agent-egress-bench, cases that data decides',
    '| category | cases | agreed |',
    '|---|---|---|',
    ...rows,
    `disagreed, of ${total}: ${wrong.join('; ') || 'none'}`,
  ].join('\n')
}

const PROSE = `The quarterly review covers the delivery dates that were agreed with the supplier in March. Anna will prepare the agenda and send
it to everybody before Tuesday; please add what is missing. The budget of 420,000 EUR remains as planned, version 2.4 of the contract is attached, and
the meeting takes place in room 12 at 10:30. Nobody has to travel: remote participation works as it did last time. `

function typicalTexts(): [string, JsonValue][] {
  const records = Array.from({ length: 40 }, (_, at) => ({
    id: `contact-${at}`,
    status: 'active',
    amount: 1000 + at,
    created_at: '2026-03-10T09:00:00Z',
    tags: ['supplier', 'europe'],
    note: 'Called on Monday, wants the invoice by e-mail. Follow up next week.',
  }))
  const code =
    'export function total(items: readonly Item[]): number {\n  return items.reduce((sum, { price, count }) => sum + price * count, 0)\n}\n'
  const german =
    'Die Lieferung für das Büro in Köln wurde geprüft, die Geräte sind vollständig. Über das Angebot wird nächste Woche entschieden. '
  return [
    ['prose', { body: PROSE.repeat(10) }],
    ['records', { records }],
    ['program text', { content: code.repeat(30) }],
    ['German prose', { body: german.repeat(30) }],
    ['prose with data', { body: `${PROSE}Reach me at anna@example.com or +49 151 23456789. ${PROSE}`.repeat(5) }],
    [
      'base64 of an image',
      { data: Buffer.from(Array.from({ length: 3000 }, (_, at) => (at * at * 31 + at * 7) % 256)).toString('base64') },
    ],
  ]
}

function speed(): string {
  const rows = typicalTexts().map(([name, value]) => {
    const size = JSON.stringify(value).length / 1024
    const rounds = Math.ceil(2000 / size)
    for (let at = 0; at < rounds; at++) scanner.scan(value)
    const times = Array.from({ length: 5 }, () => {
      const from = performance.now()
      for (let at = 0; at < rounds; at++) scanner.scan(value)
      return ((performance.now() - from) * 1000) / rounds / size
    })
    return `| ${name} | ${size.toFixed(1)} | ${Math.min(...times).toFixed(1)} | ${(scanner.scan(value).work / size / 1024).toFixed(1)} |`
  })
  return ['| text | KB | us/KB | work units a character |', '|---|---|---|---|', ...rows].join('\n')
}

const BIP39 = 'abandon ability able about above absent absorb abstract absurd abuse access accident '

/** Texts that make detectors work for nothing, by what is repeated. */
export const HOSTILE: Record<string, string> = {
  'a@a@': 'a@a@',
  'a.a.a@': 'a.a.a@',
  '+1 (': '+1 (',
  '12-12-': '12-12-',
  '1 1 ': '1 1 ',
  '4111 ': '4111 ',
  '4111111111111111 ': '4111111111111111 ',
  '0.0.': '0.0.',
  ':::': ':',
  'a:b:': 'a:b:',
  aaaa: 'aaaa',
  base64: 'QUtJQUlPU0ZPRE5ON0VYQU1QTEU',
  'base64 words': 'QUtJQUlPU0ZPRE5ON0VYQU1QTEU= ',
  hex: '414b4941',
  'hex pairs': '41 4b ',
  '%25': '%25',
  '%41': '%41',
  '\\u0041': '\\u0041',
  '&#65;': '&#65;',
  'zero width': 'a\u200b1\u200b',
  fullwidth: '４１１１',
  DE89: 'DE89 ',
  AB123456: 'AB123456 ',
  'password: ': 'password: ',
  'key=': 'key=a1',
  eyJ: 'eyJhbGciOi.',
  BIP39,
  BEGIN: '-----BEGIN PRIVATE KEY-----',
  'https://a.b.c.d/': 'https://a.b.c.d/e/f?g=h&i=j ',
  'passport 1234567 ': 'passport 1234567 ',
  'phone 12 34 56 ': 'phone 12 34 56 ',
  'E11.9': 'diagnosis E11.9, ',
  'ssn 123456789': 'ssn 123456789 ',
  '1A1zP1': '1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNb ',
  '[[': '["a",',
}

function growth(): string {
  const rows = Object.entries(HOSTILE).map(([name, unit]) => {
    const work = (size: number) => {
      const from = performance.now()
      let units: number
      try {
        units = scanner.scan({ body: unit.repeat(Math.ceil(size / unit.length)) }).work
      } catch (error) {
        if (!(error instanceof DlpLimitError)) throw error
        units = Number.NaN
      }
      return { units, ms: performance.now() - from }
    }
    work(10_000)
    const [small, large] = [work(20_000), work(40_000)]
    return `| \`${name.replaceAll('|', '\\|')}\` | ${Math.round(small.units / 20_000)} | ${(large.units / small.units).toFixed(2)} | ${large.ms.toFixed(1)} |`
  })
  return [
    '| hostile text, repeated | units a character at 20 KB | work at 40 KB / 20 KB (NaN: refused, over the limit) | ms at 40 KB |',
    '|---|---|---|---|',
    ...rows,
  ].join('\n')
}
