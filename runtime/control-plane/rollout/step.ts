import { type Counts, countsOf, NO_COUNTS, since } from './counts.ts'
import { type AbortLimits, judgeRegion } from './judge.ts'
import { moved, type Rollout, type Stage, stageOf } from './rollout.ts'
import { hasCandidate, type RegionView, refusal, serves, type View } from './view.ts'

export interface RolloutSettings {
  /** How long a canary, and each group of regions after it, is watched before the next stage. */
  canaryBakeMs: number
  regionBakeMs: number
  /** A region that says nothing for so long is passed over; a canary ends the rollout instead. */
  silentMs: number
  /** Regions have so long to answer a replay. */
  replayMs: number
  limits: Omit<AbortLimits, 'maxNewDenyPercent'>
}

export interface Step {
  rollout: Rollout
  /** What happened, in the words of the log. Undefined: nothing did, and nothing has to be kept. */
  event: { kind: 'ready' | 'stage' | 'aborted' | 'completed'; text: string } | undefined
}

/**
 * The next step of a rollout, by all that is known now. Pure: the same state and view give the same step, in whichever process. Does nothing
 * while it is paused, but still takes back what is worse than before.
 */
export function step(rollout: Rollout, view: View, settings: RolloutSettings, nowMs: number): Step {
  const stage = stageOf(rollout)
  if (stage === undefined || rollout.endedAtMs !== null) return { rollout, event: undefined }
  const bad = fault(rollout, stage, view, settings, nowMs)
  if (bad !== undefined) return ended(rollout, 'aborted', bad, nowMs)
  if (rollout.state === 'paused') return { rollout, event: undefined }
  if (stage.kind === 'replay') return afterReplay(rollout, stage, view, settings, nowMs)
  return rollout.readySinceMs === null ? awaited(rollout, stage, view, settings, nowMs) : baked(rollout, stage, view, settings, nowMs)
}

/** What a rollout waits for, in one line; undefined when it is over. */
export function waitingFor(rollout: Rollout, view: View, settings: RolloutSettings): string | undefined {
  const stage = stageOf(rollout)
  if (stage === undefined || rollout.endedAtMs !== null) return undefined
  if (rollout.state === 'paused') return 'somebody to resume it'
  if (stage.kind === 'replay') return 'regions that judge what they recorded'
  if (rollout.readySinceMs === null) {
    const missing = view.regions.filter((region) => isAsked(region, rollout, stage) && !isReady(region, rollout, stage))
    if (missing.length === 0) return 'the next look at its gateways'
    return `${missing.map(({ region, error }) => `${region}${error === undefined ? '' : ` (${error})`}`).join(', ')} to load it`
  }
  return `the end of its bake time, ${bakeMs(rollout, stage, settings) / 1000} s after every gateway had it`
}

/** When the bake time of the stage under way ends. Undefined while gateways are waited for. */
export function bakeUntilMs(rollout: Rollout, settings: RolloutSettings): number | undefined {
  const stage = stageOf(rollout)
  return stage === undefined || rollout.readySinceMs === null ? undefined : rollout.readySinceMs + bakeMs(rollout, stage, settings)
}

/** Counts of every region by a revision, for what comes later to be compared with. */
export function countsByRegion(view: View, revision: string | null): Record<string, Counts> {
  return Object.fromEntries(
    view.regions.map(({ region, reports }) => [region, revision === null ? NO_COUNTS : countsOf(reports, revision)]),
  )
}

function fault(rollout: Rollout, stage: Stage, view: View, settings: RolloutSettings, nowMs: number): string | undefined {
  for (const region of view.regions) {
    const refused = refusal(region, rollout.release.seq)
    if (refused !== undefined) return refused
  }
  const limits = { ...settings.limits, maxNewDenyPercent: rollout.maxNewDenyPercent }
  for (const region of watched(rollout, stage, view)) {
    const judged = judgeRegion(evidenceOf(rollout, region), limits)
    if (!judged.ok) return `${judged.why}${culprits(region)}`
  }
  const canary = stage.kind === 'canary' ? view.regions.find(({ region }) => region === stage.region) : undefined
  if (canary !== undefined && canary.reports.length === 0 && nowMs - rollout.stageSinceMs > settings.silentMs)
    return `no gateway of ${canary.region} says anything${canary.error === undefined ? '' : ` (${canary.error})`}, and without it there is no canary`
  return undefined
}

/** Regions that decide by the new revision, or compare. */
function watched(rollout: Rollout, stage: Stage, view: View): readonly RegionView[] {
  if (stage.kind === 'replay') return []
  if (stage.kind === 'shadow') return view.regions
  const deciding = new Set([...moved(rollout), ...rollout.stages.flatMap((one) => (one.kind === 'canary' ? [one.region] : []))])
  return view.regions.filter(({ region }) => deciding.has(region))
}

function evidenceOf({ revision, before, mark }: Rollout, { region, reports }: RegionView) {
  const now = countsOf(reports, revision)
  return { region, before: before[region] ?? NO_COUNTS, now, mark: mark[region] ?? NO_COUNTS }
}

/** Which rules and tools, and the first decisions to look at. */
function culprits({ reports }: RegionView): string {
  const compared = reports.flatMap(({ aegis: { comparison } }) => comparison ?? [])
  const top = (tallies: readonly Record<string, number>[]) => {
    const all = new Map<string, number>()
    for (const tally of tallies) for (const [key, calls] of Object.entries(tally)) all.set(key, (all.get(key) ?? 0) + calls)
    return [...all]
      .sort(([, a], [, b]) => b - a)
      .slice(0, 3)
      .map(([key, calls]) => `${key} (${calls})`)
  }
  const rules = top(compared.map((one) => one.rules))
  const tools = top(compared.map((one) => one.tools))
  const ids = compared.flatMap((one) => one.decision_ids).slice(0, 3)
  if (rules.length === 0) return ''
  return `; rules ${rules.join(', ')}; tools ${tools.join(', ')}; decisions ${ids.join(', ')}`
}

function afterReplay(
  rollout: Rollout,
  stage: Extract<Stage, { kind: 'replay' }>,
  view: View,
  { replayMs }: RolloutSettings,
  nowMs: number,
): Step {
  const asked = view.regions.filter(({ reports }) => reports.length > 0)
  const answers = asked.flatMap(({ region }) => view.replays.get(region) ?? [])
  const failed = answers.find(({ error }) => error !== null)
  if (failed !== undefined) return ended(rollout, 'aborted', `the replay failed in ${failed.region}: ${failed.error}`, nowMs)
  if (answers.length < asked.length) {
    if (nowMs - rollout.stageSinceMs <= replayMs) return { rollout, event: undefined }
    const missing = asked.filter(({ region }) => !view.replays.has(region)).map(({ region }) => region)
    return ended(rollout, 'aborted', `${missing.join(', ')} did not answer the replay in ${replayMs / 1000} s`, nowMs)
  }
  const denies = answers.reduce((all, { newDenies }) => all + newDenies, 0)
  const replayed = answers.reduce((all, one) => all + one.replayed, 0)
  if (denies > stage.noNewDeniesAbove)
    return ended(
      rollout,
      'aborted',
      `${denies} of ${replayed} recorded decisions would newly be denied, at most ${stage.noNewDeniesAbove} may (replay ${stage.id})`,
      nowMs,
    )
  return entered({ ...rollout, evidence: { replayed, new_denies: denies } }, view, nowMs)
}

/** Until every gateway of the stage has it. Who is silent is passed over. */
function awaited(rollout: Rollout, stage: Stage, view: View, settings: RolloutSettings, nowMs: number): Step {
  const asked = view.regions.filter((region) => isAsked(region, rollout, stage))
  const late = nowMs - rollout.stageSinceMs > settings.silentMs
  const waits = asked.filter((region) => !isReady(region, rollout, stage) && !(late && region.reports.length === 0))
  if (waits.length > 0) return { rollout, event: undefined }
  const silent = asked.filter((region) => !isReady(region, rollout, stage)).map(({ region }) => region)
  const next: Rollout = { ...rollout, readySinceMs: nowMs, silent: [...new Set([...rollout.silent, ...silent])] }
  const without = silent.length === 0 ? '' : `, without ${silent.join(', ')}, where nobody answers`
  return { rollout: next, event: { kind: 'ready', text: `${nameOf(stage)}: every gateway has it${without}` } }
}

function baked(rollout: Rollout, stage: Stage, view: View, settings: RolloutSettings, nowMs: number): Step {
  const looked = { ...rollout, evidence: gathered(rollout, stage, view) }
  if (nowMs - (rollout.readySinceMs ?? nowMs) < bakeMs(rollout, stage, settings)) return { rollout: looked, event: undefined }
  return entered(looked, view, nowMs)
}

/** What has been seen of the new revision since the stage began, over the regions that decide or compare by it. */
export function evidenceIn(rollout: Rollout, view: View): Rollout['evidence'] {
  const stage = stageOf(rollout)
  return stage === undefined || stage.kind === 'replay' || rollout.endedAtMs !== null ? rollout.evidence : gathered(rollout, stage, view)
}

function gathered(rollout: Rollout, stage: Stage, view: View): Rollout['evidence'] {
  const fresh = watched(rollout, stage, view).map((region) => {
    const { now, mark } = evidenceOf(rollout, region)
    return since(now, mark)
  })
  const total = (of: (counts: Counts) => number) => fresh.reduce((all, counts) => all + of(counts), 0)
  return {
    calls: total(({ calls }) => calls),
    denies: total(({ denies }) => denies),
    faults: total(({ faults }) => faults),
    compared: total(({ compared }) => compared),
    new_denies: total(({ newDenies }) => newDenies),
  }
}

/** Into the next stage, or to the end. */
function entered(rollout: Rollout, view: View, nowMs: number): Step {
  const at = rollout.at + 1
  const stage = rollout.stages[at]
  if (stage === undefined) return ended(rollout, 'completed', null, nowMs)
  const next: Rollout = { ...rollout, at, stageSinceMs: nowMs, readySinceMs: null, mark: countsByRegion(view, rollout.revision) }
  return { rollout: next, event: { kind: 'stage', text: nameOf(stage) } }
}

function ended(rollout: Rollout, state: 'aborted' | 'completed', why: string | null, nowMs: number): Step {
  const text = state === 'completed' ? `revision ${rollout.revision} is served everywhere` : (why ?? '')
  return { rollout: { ...rollout, state, why, endedAtMs: nowMs }, event: { kind: state, text } }
}

/** Whether the stage under way is about this region's gateways. */
export function awaits(rollout: Rollout, region: string): boolean {
  const stage = stageOf(rollout)
  return stage !== undefined && rollout.endedAtMs === null && isAsked({ region }, rollout, stage)
}

function isAsked({ region }: Pick<RegionView, 'region'>, rollout: Rollout, stage: Stage): boolean {
  if (stage.kind === 'canary') return region === stage.region
  if (stage.kind === 'regions') return stage.regions.includes(region)
  return stage.kind === 'shadow' && !rollout.silent.includes(region)
}

function isReady(region: RegionView, { release }: Rollout, stage: Stage): boolean {
  if (stage.kind === 'regions') return serves(region, release.seq)
  return hasCandidate(region, (zone) => release.zones[zone]?.bundle)
}

function bakeMs({ shadowS }: Rollout, stage: Stage, { canaryBakeMs, regionBakeMs }: RolloutSettings): number {
  if (stage.kind === 'shadow') return shadowS * 1000
  return stage.kind === 'canary' ? canaryBakeMs : regionBakeMs
}

/** A stage in the words of the log. */
export function nameOf(stage: Stage): string {
  switch (stage.kind) {
    case 'replay':
      return 'replay of recorded decisions'
    case 'shadow':
      return 'shadow in every region'
    case 'canary':
      return `canary in ${stage.region}`
    case 'regions':
      return `${stage.last ? 'the rest: ' : ''}${stage.regions.join(', ')}`
  }
}
