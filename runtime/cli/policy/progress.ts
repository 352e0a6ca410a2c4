import type { Rollout } from './answers.ts'
import { left, number } from './span.ts'

/**
 * What happened to a rollout between two looks at it, a line each. A look may miss whole stages, as short as those of a demo are: regions
 * that have it are told all the same.
 */
export function newsOf(before: Rollout | undefined, after: Rollout, nowMs: number): string[] {
  const lines: string[] = []
  const moved = before === undefined || before.stage !== after.stage
  const failed = after.state === 'aborted' || after.state === 'rolled_back'
  if (before !== undefined && moved && !failed && PROVING.has(before.stage))
    lines.push(`${before.stage} held${measured(fuller(before, after))}`)
  for (const region of after.done) {
    if (before?.done.includes(region)) continue
    lines.push(
      after.silent.includes(region) ? `${region} is passed over: no gateway answers there; it gets it when it is back` : `${region} has it`,
    )
  }
  if (after.state !== 'running') return lines
  if (moved && PROVING.has(after.stage)) lines.push(stageLine(after, nowMs))
  if (before?.state === 'paused') lines.push('it was resumed')
  return lines
}

/** Where a rollout is, in one line. */
export function stageLine({ stage, region, bake_until, waiting_for }: Rollout, nowMs: number): string {
  const rest = bake_until === null || !BAKING.has(stage) ? undefined : left(bake_until, nowMs)
  const baking = rest === undefined ? '' : `, for ${rest}${stage === 'region' ? ' before the next' : ''}`
  const waiting = waiting_for === null ? '' : `; waiting for ${waiting_for}`
  return `${stageWords(stage, region)}${baking}${waiting}`
}

/** Numbers that were measured, as they are named. */
export function evidenceText(evidence: Rollout['evidence']): string {
  return Object.entries(evidence ?? {})
    .filter((entry): entry is [string, number] => typeof entry[1] === 'number')
    .map(([name, value]) => `${number(value)} ${name.replaceAll('_', ' ')}`)
    .join(', ')
}

/** Stages that a candidate has to hold in. */
const PROVING = new Set(['replay', 'shadow', 'canary'])

/** Stages that take the time they are given. */
const BAKING = new Set(['shadow', 'canary', 'region'])

function stageWords(stage: string, region: string | null): string {
  const where = region === null ? '' : ` in ${region}`
  if (stage === 'replay') return 'replay: recorded decisions are judged by it'
  if (stage === 'shadow') return `shadow: it judges beside what is in force${where}, and decides nothing`
  if (stage === 'canary') return `canary: a share of the agents${where}`
  if (stage === 'region') return region === null ? 'region by region' : `region by region: ${region}`
  if (stage === 'all') return 'all regions that are left'
  return `${stage}${where}`
}

const measured = (evidence: Rollout['evidence']) => {
  const text = evidenceText(evidence)
  return text === '' ? '' : `: ${text}`
}

/** A new stage may count from zero; then the look before knows more. */
function fuller(before: Rollout, after: Rollout): Rollout['evidence'] {
  return sum(after.evidence) >= sum(before.evidence) ? after.evidence : before.evidence
}

const sum = (evidence: Rollout['evidence']) =>
  Object.values(evidence ?? {}).reduce<number>((total, value) => total + (typeof value === 'number' ? value : 0), 0)
