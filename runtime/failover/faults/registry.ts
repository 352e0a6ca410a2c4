import type { FabricControl, FaultMark } from './control.ts'

// Faults by name. A runbook may use these and nothing else; each says how it is undone.

export interface Fault {
  /** For the report. */
  summary: (region: string) => string
  inject: (fabric: FabricControl, region: string, restoreAfterMs: number) => Promise<FaultMark>
  undo: (fabric: FabricControl, region: string) => Promise<FaultMark>
  /** Whether a drill that died has left it behind. */
  isLeft: (fabric: FabricControl, region: string) => Promise<boolean>
}

/** By this name a fabric knows the control plane where regions are killed. */
const CONTROL_PLANE = 'control-plane'

export const FAULTS = {
  'region.kill': {
    summary: (region) => `SIGKILL of every process of ${region}: gateway, tables, bucket, keys`,
    inject: (fabric, region, restoreAfterMs) => fabric.killRegion(region, restoreAfterMs),
    undo: (fabric, region) => fabric.restoreRegion(region),
    isLeft: async (fabric, region) => (await fabric.health()).some((one) => one.region === region && one.state !== 'healthy'),
  },
  'control-plane.kill': {
    summary: (region) => `SIGKILL of the control plane, which stands in ${region}; no region is touched`,
    inject: (fabric, _region, restoreAfterMs) => fabric.killRegion(CONTROL_PLANE, restoreAfterMs),
    // The new one has nothing in its memory. That it works is shown by a publication, not by an open port.
    async undo(fabric) {
      const mark = await fabric.restoreRegion(CONTROL_PLANE)
      if (mark.processes.length > 0) await fabric.publishAnew()
      return mark
    },
    isLeft: async (fabric) => (await fabric.publication()) === undefined,
  },
} as const satisfies Record<string, Fault>

export type FaultName = keyof typeof FAULTS
export const FAULT_NAMES = Object.keys(FAULTS) as [FaultName, ...FaultName[]]
