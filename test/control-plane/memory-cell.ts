import type { Cell } from '../../runtime/control-plane/cell.ts'
import type { Attester } from '../../runtime/policy/directory.ts'
import type { PublicJwk } from '../../runtime/policy/trust.ts'
import type { Pointer } from '../../runtime/state/pointers.ts'

/** A region in memory. What it holds outlives the control plane that wrote it, as in a real region. */
export interface MemoryCell extends Cell {
  bucket: Map<string, Uint8Array>
  /** By region and ring: its own replica of the global table. */
  pointers: Map<string, Pointer>
  key: PublicJwk
  /** Undefined: its KMS does not show the keys that attest. */
  attester: Attester | undefined
  /** Makes everything reject, as when the region is lost. */
  down: boolean
  /** What a faulty bucket does with an object. */
  spoil: ((body: Uint8Array) => Uint8Array | undefined) | undefined
  log: string[]
}

export function memoryCell(region: string, zone: string, key: PublicJwk): MemoryCell {
  const at = (name: string, ring: string) => `${name} ${ring}`
  const cell: MemoryCell = {
    region,
    zone,
    bucket: new Map(),
    pointers: new Map(),
    key,
    attester: undefined,
    down: false,
    spoil: undefined,
    log: [],
    objects: {
      async get(name) {
        await reach(`get ${name}`)
        return cell.bucket.get(name)
      },
      async put(name, body) {
        await reach(`put ${name.split('/')[0]}`)
        const kept = cell.spoil === undefined ? body : cell.spoil(body)
        if (kept !== undefined) cell.bucket.set(name, kept)
      },
    },
    async readPointers(of) {
      await reach(of === region ? 'read pointer' : `read pointers of ${of}`)
      return { stable: cell.pointers.get(at(of, 'stable')), candidate: undefined }
    },
    async writePointer(pointer) {
      await reach('move pointer')
      cell.pointers.set(at(pointer.region, pointer.ring), pointer)
    },
    async readIssuer() {
      await reach('read key')
      return { iss: `https://${region}.aegis.example`, region, zone, keys: [cell.key] }
    },
    async readAttester() {
      if (cell.down || cell.attester === undefined) throw new Error(`${region} shows no attestation keys`)
      return cell.attester
    },
  }
  const reach = async (what: string) => {
    if (cell.down) throw new Error(`${region} is away`)
    cell.log.push(what)
  }
  return cell
}
