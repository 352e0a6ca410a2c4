import type { ObjectStore } from '../model/ports.ts'
import type { Attester, Issuer } from '../policy/directory.ts'
import type { FleetReport } from '../state/fleet.ts'
import type { Candidate, Pointer, RegionPointers } from '../state/pointers.ts'
import type { ReplayOrder, ReplayResult } from '../state/replays.ts'

/** What the control plane needs of one region: its bucket, its part of the global table, the public halves of its keys. */
export interface Cell {
  region: string
  zone: string
  objects: ObjectStore
  /** What any region is told to serve, as this region's replica of the global table has it. */
  readPointers(region: string): Promise<RegionPointers>
  /**
   * Has the region obey the control plane of this term and store from now on.
   * @returns false when one of a higher term was there before, or of this term and another store
   */
  claimTerm(term: number, store: string): Promise<boolean>
  /** @returns false when a control plane of a higher term has moved it before */
  writePointer(pointer: Pointer, term: number): Promise<boolean>
  /** The same. */
  writeCandidate(candidate: Candidate, term: number): Promise<boolean>
  /** What the region's gateways say of themselves, where it is not old. */
  readFleet(): Promise<FleetReport[]>
  /** Has the region judge anew what it recorded. */
  orderReplay(order: ReplayOrder): Promise<void>
  /** Its answer; undefined while there is none. */
  readReplay(id: string): Promise<ReplayResult | undefined>
  /** Asks the region's KMS. Rejects when the region does not answer. */
  readIssuer(): Promise<Issuer>
  /** Asks it for the two keys that attest an export. Rejects when it does not answer, or shows only one. */
  readAttester(): Promise<Attester>
}
