import { TOPIC } from '../context-words.ts'
import { contextAt, type Report, type Subject } from '../subject.ts'
import { cardAt, isGluedCard } from './card.ts'
import { type Cluster, clustersOf } from './clusters.ts'
import { detectDocuments } from './documents.ts'
import { detectEmail } from './email.ts'
import { detectIban } from './iban.ts'
import { detectDigitIdentities, detectMixedIdentities } from './identity.ts'
import { detectIpv6, ipv4At } from './ip-address.ts'
import { detectKeyMaterial, detectPem } from './key-material.ts'
import { detectPhones } from './phone.ts'
import { detectAssignments, detectSecrets, detectUrlPassword } from './secrets.ts'
import { detectSeedPhrase } from './seed-phrase.ts'
import { ssnAt } from './us-ssn.ts'

/** Runs every built-in detector that the survey gives a reason for. */
export function detectAll(subject: Subject, report: Report): void {
  const { survey } = subject
  if (survey.ats.length > 0) {
    detectEmail(subject, report)
    detectUrlPassword(subject, report)
  }
  if (survey.marks.length > 1) detectIpv6(subject, report)
  if (survey.numbers.length > 0 && !isOnlyACount(subject)) {
    // Digits of an IBAN are no telephone number.
    const ibans: number[] = []
    detectIban(subject, (name, start, end, confidence) => {
      ibans.push(start, end)
      report(name, start, end, confidence)
    })
    const clusters = clustersOf(subject)
    if (ibans.length > 0) takeWithin(clusters, ibans)
    for (const cluster of clusters) detectNumbers(subject, cluster, report)
    detectGluedCards(subject, report)
    detectMixedIdentities(subject, report)
    detectDocuments(subject, report)
  }
  if (survey.tokens.length > 0) {
    detectSecrets(subject, report)
    detectKeyMaterial(subject, report)
  }
  if (survey.marks.length > 0 || survey.tokens.length > 0 || subject.keyTopics !== 0) detectAssignments(subject, report)
  if (survey.context.length > 0) detectPem(subject, report)
  if (survey.wordRuns.length > 0) detectSeedPhrase(subject, report)
}

/** No class has fewer digits, addresses (four numbers) and what context words speak of apart. */
const DIGITS_MIN = 4
const ADDRESS_NUMBERS = 4

/** A few digits that nothing around them speaks of: an invoice's number, a count, a name such as `supplier-7`. */
function isOnlyACount({ survey: { numbers, context }, keyTopics }: Subject): boolean {
  if (context.length > 0 || keyTopics !== 0 || numbers.length >= ADDRESS_NUMBERS * STRIDE) return false
  let digits = 0
  for (let at = 0; at < numbers.length; at += STRIDE)
    digits += (numbers[at + 1] as number) - (numbers[at] as number) - (numbers[at + 2] as number)
  return digits < DIGITS_MIN
}

/** Both in the order of the text. @param places start and end of each */
function takeWithin(clusters: readonly Cluster[], places: readonly number[]): void {
  let place = 0
  for (const cluster of clusters) {
    for (const [index, start] of cluster.starts.entries()) {
      while (place < places.length && (places[place + 1] as number) <= start) place += 2
      if (place < places.length && start >= (places[place] as number)) cluster.take(index, 1)
    }
  }
}

/** What a strict form has taken, the loose ones leave alone. */
function detectNumbers(subject: Subject, cluster: Cluster, report: Report): void {
  const { starts } = cluster
  subject.meter.spend(20 * starts.length)
  const ofIban = [...cluster.taken]
  // Strict forms do not shut each other out: a decoy in front of a number must not hide it.
  let ssnEnd = 0
  let cardEnd = 0
  for (let first = 0; first < starts.length; first++) {
    if (ofIban[first]) continue
    const address = ipv4At(subject, cluster, first)
    if (address > 0) {
      cluster.take(first, address)
      report('ip_address', starts[first] as number, cluster.ends[first + address - 1] as number, 0.9)
    }
    if (first >= ssnEnd) ssnEnd = first + ssnAt(subject, cluster, first, report)
    if (first >= cardEnd) cardEnd = first + cardAt(subject, cluster, first, report)
  }
  const loose = !cluster.taken.includes(true) || cluster.taken.includes(false)
  if (!loose) return
  detectDigitIdentities(subject, cluster, report)
  detectPhones(subject, cluster, report)
}

const STRIDE = 3

/** "PAN4111111111111111" and "4111111111111111abc". */
function detectGluedCards(subject: Subject, report: Report): void {
  const { text, survey } = subject
  const { numbers } = survey
  for (let at = 0; at < numbers.length; at += STRIDE) {
    const start = numbers[at] as number
    const size = (numbers[at + 1] as number) - start
    const letters = numbers[at + 2] as number
    if (letters === 0 || size - letters < 13 || size > 40) continue
    const match = /^([A-Za-z]*)(\d{13,19})([A-Za-z]*)$/.exec(text.slice(start, start + size))
    if (match?.[2] === undefined || !isGluedCard(match[2])) continue
    const from = start + (match[1]?.length ?? 0)
    const hexadecimal = !/[g-z]/i.test(`${match[1]}${match[3]}`)
    if (hexadecimal && (contextAt(subject, from, from, 24, 0).topics & TOPIC.card) === 0) continue
    report('card', from, from + match[2].length, 0.8)
  }
}
