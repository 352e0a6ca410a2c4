import { z } from 'zod'
import { signedRelease } from '../store/signed-release.ts'
import { countsSchema } from './counts.ts'

const region = z.string()

/**
 * A part of the way of a release. `shadow`: every region judges calls by both and enforces the old one. `canary`: one region enforces the
 * new one for a share of its agents. `regions`: these serve it, for everybody.
 */
const stage = z.discriminatedUnion('kind', [
  z.strictObject({ kind: z.literal('replay'), noNewDeniesAbove: z.int().min(0), sinceMs: z.int().min(0), id: z.string() }),
  z.strictObject({ kind: z.literal('shadow') }),
  z.strictObject({ kind: z.literal('canary'), region }),
  z.strictObject({ kind: z.literal('regions'), regions: z.array(region).min(1), last: z.boolean() }),
])
export type Stage = z.output<typeof stage>

/** One release on its way to the regions, with all that its next step depends on: whoever reads it can go on with it. */
export const rolloutState = z.strictObject({
  id: z.string(),
  revision: z.string(),
  /** The revision that was active when it began, and that an abort goes back to. */
  from: z.string().nullable(),
  release: signedRelease,
  author: z.string(),
  publisher: z.string(),
  reason: z.string(),
  startedAtMs: z.int(),
  endedAtMs: z.int().nullable(),
  state: z.enum(['running', 'paused', 'completed', 'aborted', 'rolled_back']),
  stages: z.array(stage),
  /** Index of the stage under way. */
  at: z.int().min(0),
  /** When the stage began: objects were on their way from then on. */
  stageSinceMs: z.int(),
  /** When every gateway of the stage said that it has it: the bake time counts from here. Null before. */
  readySinceMs: z.int().nullable(),
  /** Regions that were passed over because nobody answered there: they catch up by themselves. */
  silent: z.array(region),
  shadowS: z.number().min(0),
  /** Most new denies of compared calls, in percent. */
  maxNewDenyPercent: z.number().min(0),
  /** By region: what its gateways had decided by the old revision when the rollout began. */
  before: z.record(region, countsSchema),
  /** By region: what they had decided by the new one when the stage began. */
  mark: z.record(region, countsSchema),
  /** Why it ended before its end, or was paused. */
  why: z.string().nullable(),
  /** What was looked at when it was last judged. */
  evidence: z.record(z.string(), z.union([z.number(), z.string()])),
})
export type Rollout = z.output<typeof rolloutState>

export const stageOf = ({ stages, at }: Pick<Rollout, 'stages' | 'at'>): Stage | undefined => stages[at]

/** Regions that serve the new revision to everybody by now. */
export function moved({ stages, at }: Pick<Rollout, 'stages' | 'at'>): string[] {
  return stages.slice(0, at + 1).flatMap((one) => (one.kind === 'regions' ? one.regions : []))
}

export interface StagesPlan {
  /** In the order of the configuration. */
  cells: readonly { region: string; zone: string }[]
  canaryRegion: string
  shadowS: number
  replay: { noNewDeniesAbove: number; sinceMs: number; id: string } | undefined
}

/** The whole way: what can be found out beforehand, one region's canary, that region, the others of its zone one by one, then all others. */
export function stagesFor({ cells, canaryRegion, shadowS, replay }: StagesPlan): Stage[] {
  const zone = cells.find((cell) => cell.region === canaryRegion)?.zone
  const near = cells.filter((cell) => cell.zone === zone && cell.region !== canaryRegion).map((cell) => cell.region)
  const far = cells.filter((cell) => cell.zone !== zone).map((cell) => cell.region)
  const groups = [[canaryRegion], ...near.map((one) => [one]), ...(far.length > 0 ? [far] : [])]
  return [
    ...(replay === undefined ? [] : [{ kind: 'replay' as const, ...replay }]),
    ...(shadowS === 0 ? [] : [{ kind: 'shadow' as const }]),
    { kind: 'canary' as const, region: canaryRegion },
    ...groups.map((regions, index) => ({ kind: 'regions' as const, regions, last: index === groups.length - 1 })),
  ]
}
