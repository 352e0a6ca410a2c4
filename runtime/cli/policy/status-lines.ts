import { table } from '../overview.ts'
import type { Status } from './answers.ts'
import { behindOf } from './behind.ts'
import { lastRolloutLines, rolloutLines } from './rollout-lines.ts'
import { instant, span } from './span.ts'
import { wrap } from './wrap.ts'

/** What is in force and on its way, as a person reads it. */
export function statusLines(status: Status, at: { nowMs: number; columns: number }): string[] {
  const { rollout, last_rollout, refused, directory, regions, fleet } = status
  return [
    ...wrap('in force  ', inForce(status, at.nowMs), at.columns),
    ...(directory === null || directory === undefined ? [] : [`directory version ${directory.version}, seq ${directory.seq ?? '-'}`]),
    ...convergence(status, at.columns),
    ...(rollout === null ? [] : ['', ...rolloutLines(rollout, at)]),
    ...(last_rollout === null ? [] : ['', ...lastRolloutLines(last_rollout, at.columns)]),
    ...(refused === null || refused === undefined ? [] : ['', 'the last attempt to publish was refused:', ...indented(refused)]),
    '',
    ...table([['region', 'zone', 'seq', 'directory', 'confirmed'], ...regions.map(regionRow)], ''),
    ...(fleet.length === 0 ? [] : ['', ...fleetTable(status)]),
  ]
}

function inForce({ revision, seq, published_at }: Status, nowMs: number): string {
  if (revision === null || seq === null) return 'nothing is published yet'
  const since = published_at === null ? '' : `, since ${instant(published_at)} (${span(nowMs - Date.parse(published_at))})`
  return `revision ${revision}, seq ${seq}${since}`
}

function convergence(status: Status, columns: number): string[] {
  const { converged, fleet, regions } = status
  if (converged) return [`converged all ${regions.length} regions and ${fleet.length} gateways have it`]
  const reasons = behindOf(status)
  const lines = reasons.length === 0 ? ['not every gateway has reported yet'] : reasons
  return ['converged NO', ...lines.flatMap((line) => wrap('          ', line, columns))]
}

const regionRow = ({ region, zone, seq, directory_seq, confirmed_at }: Status['regions'][number]) => [
  region,
  zone,
  String(seq ?? '-'),
  String(directory_seq ?? '-'),
  confirmed_at === null ? '-' : instant(confirmed_at),
]

type Gateway = Status['fleet'][number]

function fleetTable({ fleet }: Status): string[] {
  const tried = fleet.some(({ candidate }) => candidate !== null && candidate !== undefined)
  const rows = fleet.map((gateway) => [
    gateway.region,
    shortId(gateway.id),
    gateway.revision ?? '-',
    String(gateway.seq ?? '-'),
    gateway.age_s === null ? '-' : span(gateway.age_s * 1000).replace('.0', ''),
    ...(tried ? [candidateText(gateway)] : []),
  ])
  return table([['gateway of', 'id', 'runs revision', 'seq', 'age', ...(tried ? ['candidate'] : [])], ...rows], '')
}

function candidateText({ candidate }: Gateway): string {
  if (candidate === null || candidate === undefined) return ''
  const { revision, share_percent, loaded, error } = candidate
  if (error !== null && error !== undefined) return `refused: ${error}`
  const share = share_percent === null || share_percent === undefined ? '' : ` for ${share_percent} %`
  return `${revision ?? '-'}${share}${loaded === false ? ', not loaded yet' : ''}`
}

/** The end tells tasks of one service apart. */
const shortId = (id: string) => (id.length <= 14 ? id : `…${id.slice(-13)}`)
const indented = (text: string) => text.split('\n').map((line) => `  ${line}`)

/** Whether nothing but ages has changed. */
export function sameStatus(one: Status, other: Status): boolean {
  const timeless = ({ fleet, ...rest }: Status) =>
    JSON.stringify({ ...rest, fleet: fleet.map(({ age_s: _, reported_at: __, ...gateway }) => gateway) })
  return timeless(one) === timeless(other)
}
