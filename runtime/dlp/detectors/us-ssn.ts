import { TOPIC } from '../context-words.ts'
import { contextAt, type Report, type Subject } from '../subject.ts'
import type { Cluster } from './clusters.ts'

/**
 * US social security numbers at `first` of a cluster: written 3-2-4, or nine digits where words say so.
 * Area 000, 666 and 9xx, group 00 and serial 0000 are never given out (SSA, "Social Security Number Randomization"); 9xx with
 * the groups of the IRS is a taxpayer number. @returns the number of groups taken
 */
export function ssnAt(subject: Subject, cluster: Cluster, first: number, report: Report): number {
  const { starts, ends } = cluster
  const size = (index: number) => (ends[index] ?? 0) - (starts[index] ?? 0)
  const parted = size(first) === 3 && size(first + 1) === 2 && size(first + 2) === 4 && cluster.gap(first + 1) === cluster.gap(first + 2)
  const gap = parted ? cluster.gap(first + 1) : ''
  const count =
    parted && /^[-. ]$/.test(gap)
      ? 3
      : size(first) === 9
        ? 1
        : size(first) + size(first + 1) === 9 && /^[- ]$/.test(cluster.gap(first + 1))
          ? 2
          : 0
  if (count === 0) return 0
  const start = starts[first] as number
  const end = ends[first + count - 1] as number
  const digits = cluster.digits(first, count)
  // Three more groups make it part of something longer.
  if (count === 3 && (cluster.starts.length > first + 3 ? cluster.gap(first + 3) === gap : false)) return 0
  const area = Number(digits.slice(0, 3))
  const group = Number(digits.slice(3, 5))
  const serial = Number(digits.slice(5))
  const taxpayer =
    area >= 900 && ((group >= 50 && group <= 65) || (group >= 70 && group <= 88) || (group >= 90 && group <= 92) || group >= 94)
  if (serial === 0 || group === 0 || area === 0 || area === 666 || (area >= 900 && !taxpayer)) return 0
  const { topics } = contextAt(subject, start, end)
  const social = (topics & TOPIC.ssn) !== 0 || ((topics & TOPIC.social) !== 0 && (topics & TOPIC.security) !== 0)
  if (count !== 3 && !(taxpayer ? (topics & (TOPIC.ssn | TOPIC.tax)) !== 0 : social)) return 0
  // With spaces or dots it may be any three numbers in a row.
  if (gap !== '-' && !social && subject.text.trim().length !== end - start) return 0
  report(taxpayer ? 'tax_id.us' : 'us_ssn', start, end, social ? 0.95 : gap === '-' ? 0.85 : 0.6)
  cluster.take(first, count)
  return count
}
