import type { Cell } from '../../runtime/control-plane/cell.ts'
import type { Attester } from '../../runtime/policy/directory.ts'
import type { PublicJwk } from '../../runtime/policy/trust.ts'
import type { Comparison, FleetReport, RevisionCounts } from '../../runtime/state/fleet.ts'
import type { Candidate, Pointer } from '../../runtime/state/pointers.ts'
import type { ReplayOrder, ReplayResult } from '../../runtime/state/replays.ts'

/** A region in memory, with a gateway that does what pointers say. What it holds outlives the control plane that wrote it, as in a real region. */
export interface MemoryCell extends Cell {
  bucket: Map<string, Uint8Array>
  /** By region and ring: its own replica of the global table. */
  pointers: Map<string, Pointer>
  candidate: Candidate | undefined
  /** Of the control plane that it obeys. */
  term: number
  holder: string | undefined
  /** Of those that wrote its pointer and candidate last. */
  terms: Map<string, number>
  key: PublicJwk
  /** Undefined: its KMS does not show the keys that attest. */
  attester: Attester | undefined
  /** Makes everything reject, as when the region is lost. */
  down: boolean
  /** Its gateway says nothing. */
  silent: boolean
  /** What its gateway says of candidates and of what it decided. */
  says: { refuses?: string; revisions?: Record<string, RevisionCounts>; comparison?: Comparison }
  orders: ReplayOrder[]
  replays: Map<string, ReplayResult>
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
    candidate: undefined,
    term: 0,
    holder: undefined,
    terms: new Map(),
    key,
    attester: undefined,
    down: false,
    silent: false,
    says: {},
    orders: [],
    replays: new Map(),
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
      return {
        term: of === region ? cell.term : 0,
        ...(of === region && cell.holder !== undefined && { store: cell.holder }),
        stable: cell.pointers.get(at(of, 'stable')),
        candidate: of === region ? cell.candidate : undefined,
      }
    },
    async claimTerm(term, store) {
      await reach('claim term')
      if (cell.term > term || (cell.term === term && cell.holder !== undefined && cell.holder !== store)) return false
      cell.term = term
      cell.holder = store
      return true
    },
    async writePointer(pointer, term) {
      await reach('move pointer')
      if (isOvertaken('stable', term)) return false
      cell.pointers.set(at(pointer.region, pointer.ring), pointer)
      return true
    },
    async writeCandidate(candidate, term) {
      await reach('name candidate')
      if (isOvertaken('candidate', term)) return false
      cell.candidate = candidate
      return true
    },
    async readFleet() {
      await reach('read fleet')
      return cell.silent ? [] : [reportOf(cell)]
    },
    async orderReplay(order) {
      await reach('order replay')
      if (!cell.orders.some(({ id }) => id === order.id)) cell.orders.push(order)
    },
    async readReplay(id) {
      await reach('read replay')
      return cell.replays.get(id)
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
  const isOvertaken = (item: string, term: number) => {
    if ((cell.terms.get(item) ?? 0) > term) return true
    cell.terms.set(item, term)
    return false
  }
  const reach = async (what: string) => {
    if (cell.down) throw new Error(`${region} is away`)
    cell.log.push(what)
  }
  return cell
}

function reportOf({ region, zone, pointers, candidate, says }: MemoryCell): FleetReport {
  const pointer = pointers.get(`${region} stable`)
  return {
    labels: { id: `${region}-1`, version: '0', region, zone, environment: 'prod' },
    bundles: { stable: { name: 'stable', type: 'snapshot' } },
    aegis: {
      at_ms: 0,
      started_ms: 0,
      bundle_seq: pointer?.bundleSeq ?? null,
      bundle_digest: pointer?.bundleDigest ?? null,
      directory_seq: pointer?.directorySeq ?? null,
      directory_digest: pointer?.directoryDigest ?? null,
      age_s: 0,
      expires_in_s: 1,
      candidate:
        candidate === undefined || candidate.withdrawn
          ? null
          : {
              rollout: candidate.rollout,
              revision: null,
              seq: candidate.bundleSeq,
              digest: candidate.bundleDigest,
              share_percent: candidate.sharePercent,
              compare: candidate.compare,
              loaded: says.refuses === undefined,
              error: says.refuses ?? null,
            },
      revisions: says.revisions ?? {},
      comparison: says.comparison ?? null,
    },
  }
}
