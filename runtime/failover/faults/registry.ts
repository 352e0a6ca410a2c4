import type { FabricControl, FaultMark } from './control.ts'

// Faults by name. A runbook may use these and nothing else; each says how it is undone.

export interface Fault {
  /** For the report. */
  summary: (region: string) => string
  inject: (fabric: FabricControl, region: string, restoreAfterMs: number) => Promise<FaultMark>
  undo: (fabric: FabricControl, region: string) => Promise<FaultMark>
}

export const FAULTS = {
  'region.kill': {
    summary: (region) => `SIGKILL of every process of ${region}: gateway, tables, bucket, keys`,
    inject: (fabric, region, restoreAfterMs) => fabric.killRegion(region, restoreAfterMs),
    undo: (fabric, region) => fabric.restoreRegion(region),
  },
} as const satisfies Record<string, Fault>

export type FaultName = keyof typeof FAULTS
export const FAULT_NAMES = Object.keys(FAULTS) as [FaultName, ...FaultName[]]
