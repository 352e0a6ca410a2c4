import type { RoundMeasures } from './measures.ts'
import type { Bounds } from './profile.ts'

/** What a drill as a whole adds to its rounds. */
export interface Safety {
  wrongVerdicts: number
  residencyViolations: number
}

export interface Objective {
  label: string
  unit: 's' | 'calls' | 'share'
  /** `max`: the value may be at most this; `min`: at least. */
  bound: 'max' | 'min'
  /** The bound that the profile's timings promise, in the objective's unit. Absent: `derived` is refused. */
  derived?: (bounds: Bounds) => number
  /** One value a round, or one for the drill. Null means: never reached, which no objective forgives. */
  values: (rounds: readonly RoundMeasures[], safety: Safety) => (number | null)[]
  /** A miss of these counts even when the probe was slow: a wrong answer stays wrong however late it was asked for. */
  safety?: boolean
}

const seconds = (ms: number | null) => (ms === null ? null : ms / 1000)

/** Objectives by the name that a runbook's front matter uses. */
export const OBJECTIVES = {
  client_rto_s: {
    label: 'client RTO, worst exposed client',
    unit: 's',
    bound: 'max',
    derived: ({ rtoMs }) => rtoMs / 1000,
    values: (rounds) => rounds.map(({ rtoMs }) => seconds(rtoMs)),
  },
  detection_s: {
    label: 'detection: health check flips',
    unit: 's',
    bound: 'max',
    derived: ({ detectionMs }) => detectionMs / 1000,
    values: (rounds) => rounds.map(({ detectionMs }) => seconds(detectionMs)),
  },
  dns_shift_s: {
    label: 'DNS shift: first answer without the region',
    unit: 's',
    bound: 'max',
    derived: ({ detectionMs }) => detectionMs / 1000,
    values: (rounds) => rounds.map(({ dnsShiftMs }) => seconds(dnsShiftMs)),
  },
  failed_elsewhere: {
    label: 'failed calls in regions not faulted',
    unit: 'calls',
    bound: 'max',
    values: (rounds) => rounds.map(({ failedElsewhere }) => failedElsewhere),
  },
  wrong_verdicts: {
    label: 'wrong verdicts',
    unit: 'calls',
    bound: 'max',
    values: (_, { wrongVerdicts }) => [wrongVerdicts],
    safety: true,
  },
  residency_violations: {
    label: 'residency violations',
    unit: 'calls',
    bound: 'max',
    values: (_, { residencyViolations }) => [residencyViolations],
    safety: true,
  },
  goodput_after_min: {
    label: 'successes after recovery, worst exposed client',
    unit: 'share',
    bound: 'min',
    values: (rounds) => rounds.map(({ goodputAfter }) => goodputAfter),
  },
  failback_s: {
    label: 'failback: first answer from the region',
    unit: 's',
    bound: 'max',
    derived: ({ failbackMs }) => failbackMs / 1000,
    values: (rounds) => rounds.map(({ failbackMs }) => seconds(failbackMs)),
  },
  failback_errors: {
    label: 'failed calls during failback',
    unit: 'calls',
    bound: 'max',
    values: (rounds) => rounds.map(({ failbackErrors }) => failbackErrors),
  },
} as const satisfies Record<string, Objective>

export type ObjectiveName = keyof typeof OBJECTIVES
export const OBJECTIVE_NAMES = Object.keys(OBJECTIVES) as [ObjectiveName, ...ObjectiveName[]]
/** The same table, seen without its literal types. */
export const objectiveOf = (name: ObjectiveName): Objective => OBJECTIVES[name]
