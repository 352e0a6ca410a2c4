import { isIP } from 'node:net'
import { isAlphanumeric, isDigit } from '../characters.ts'
import { TOPIC } from '../context-words.ts'
import { contextAt, type Detector, type Subject } from '../subject.ts'
import type { Cluster } from './clusters.ts'

const DOT = 0x2e
const COLON = 0x3a

/** Four groups of digits with dots between, at `first` of a cluster. @returns the number of groups taken: 4 or 0 */
export function ipv4At(subject: Subject, cluster: Cluster, first: number): number {
  const { starts, ends } = cluster
  if (first + 4 > starts.length) return 0
  for (let index = first; index < first + 4; index++) {
    const size = (ends[index] as number) - (starts[index] as number)
    if (size > 3 || (index > first && cluster.gap(index) !== '.')) return 0
  }
  const start = starts[first] as number
  const end = ends[first + 3] as number
  const { text } = subject
  // A fifth part makes it something else: an object identifier, a section.
  if (text.charCodeAt(end) === DOT && isDigit(text.charCodeAt(end + 1))) return 0
  if (text.charCodeAt(start - 1) === DOT && isDigit(text.charCodeAt(start - 2))) return 0
  if (isIP(text.slice(start, end)) !== 4) return 0
  const { topics } = contextAt(subject, start, end, 12, 0)
  return (topics & TOPIC.version) !== 0 && (topics & TOPIC.ip) === 0 ? 0 : 4
}

const IPV6_MAX = 45

/** IPv6 addresses (RFC 4291, section 2.2), from colons outward. */
export const detectIpv6: Detector = ({ text, survey, meter }, report) => {
  const { marks } = survey
  let done = 0
  for (let index = 0; index < marks.length; index++) {
    const colon = marks[index] as number
    if (colon < done || text.charCodeAt(colon) !== COLON) continue
    const next = marks[index + 1]
    // Two colons at most four digits apart: in text and JSON that is rare.
    if (next === undefined || next - colon > 5 || text.charCodeAt(next) !== COLON) continue
    let start = colon
    while (start > done && colon - start < 5 && isHex(text.charCodeAt(start - 1))) start--
    let end = colon
    let colons = 0
    while (end < text.length && end - start <= IPV6_MAX && isAddressUnit(text.charCodeAt(end))) {
      if (text.charCodeAt(end) === COLON) colons++
      end++
    }
    meter.spend(end - start)
    done = end
    while (end > start && (text.charCodeAt(end - 1) === DOT || (text.charCodeAt(end - 1) === COLON && text.charCodeAt(end - 2) !== COLON)))
      end--
    if (colons < 2 || isNameUnit(text.charCodeAt(start - 1)) || isNameUnit(text.charCodeAt(end))) continue
    const address = text.slice(start, end)
    // `a::b` is a name of C++; an address without any digit is one in a million.
    if (/\d/.test(address) && isIP(address) === 6) report('ip_address', start, end, 0.9)
  }
}

function isHex(code: number): boolean {
  return isDigit(code) || (code >= 0x61 && code <= 0x66) || (code >= 0x41 && code <= 0x46)
}

function isAddressUnit(code: number): boolean {
  return isHex(code) || code === COLON || code === DOT
}

function isNameUnit(code: number): boolean {
  return isAlphanumeric(code) || code === COLON || code === 0x5f
}
