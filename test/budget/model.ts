import type { Outcomes, ReportedOutcome } from '../../runtime/state/outcomes.ts'
import { credited, followed, isBalanced, type Lease, type Slice, type SliceKey } from '../../runtime/state/slice.ts'
import type { Slices } from '../../runtime/state/slices.ts'
import type { Voucher, Vouchers, Want } from '../../runtime/state/vouchers.ts'

// The repositories in memory, with the conditions that the tables have. `test/state/slices.test.ts` holds both to the same contract.

/** Ways to break the protocol, which the properties have to notice. */
export type Planted = 'none' | 'receiver first' | 'unconditional lease' | 'redemption not recorded'

export class ModelSlices implements Slices {
  readonly items = new Map<string, Slice>()
  readonly #planted: Planted

  constructor(planted: Planted = 'none') {
    this.#planted = planted
  }

  async read(key: SliceKey) {
    return this.items.get(idOf(key))
  }

  async ofAgent(agent: string, fromPeriod: string) {
    const found = [...this.items].map(([id, slice]) => {
      const [name = '', period = '', unit = ''] = id.split(' ')
      return { key: { agent: name, period, unit }, slice }
    })
    return found.filter(({ key }) => key.agent === agent && key.period >= fromPeriod)
  }

  async open(key: SliceKey, granted: number, directorySeq: number) {
    if (!this.items.has(idOf(key))) {
      const maps = { leases: new Map(), redeemed: new Map(), vouchers: new Map() }
      this.items.set(idOf(key), { granted, directorySeq, free: granted, shortfall: 0, received: 0, given: 0, ...maps })
    }
    return this.items.get(idOf(key))
  }

  async lease(key: SliceKey, name: string, lease: Lease, take: number) {
    const unconditional = this.#planted === 'unconditional lease'
    return this.#update(key, (slice) => {
      if ((slice.leases.get(name)?.seq ?? 0) !== lease.seq - 1 || (slice.free < take && !unconditional)) return undefined
      return { leases: new Map(slice.leases).set(name, lease), free: slice.free - take }
    })
  }

  async giveBack(key: SliceKey, name: string, lease: Lease, back: number, known: Pick<Slice, 'shortfall'>) {
    return this.#update(key, (slice) => {
      if ((slice.leases.get(name)?.seq ?? 0) !== lease.seq - 1 || slice.shortfall !== known.shortfall) return undefined
      const { toFree, paid } = credited(slice, back)
      return { leases: new Map(slice.leases).set(name, lease), free: slice.free + toFree, shortfall: slice.shortfall - paid }
    })
  }

  async follow(key: SliceKey, seen: Slice, granted: number, directorySeq: number) {
    return this.#update(key, (slice) => {
      const same = slice.granted === seen.granted && slice.free === seen.free && slice.shortfall === seen.shortfall
      if (!same || slice.directorySeq !== seen.directorySeq || slice.directorySeq >= directorySeq) return undefined
      return { granted, directorySeq, ...followed(slice, granted) }
    })
  }

  async give(key: SliceKey, { id, to, amount }: { id: string; to: string; amount: number }) {
    return this.#update(key, (slice) => {
      if (slice.free < amount || slice.vouchers.has(id)) return undefined
      const vouchers = new Map(slice.vouchers).set(id, { to, amount, sent: false })
      return { vouchers, given: slice.given + amount, free: slice.free - amount }
    })
  }

  async sent(key: SliceKey, id: string) {
    this.#update(key, ({ vouchers }) => {
      const voucher = vouchers.get(id)
      return voucher === undefined ? undefined : { vouchers: new Map(vouchers).set(id, { ...voucher, sent: true }) }
    })
  }

  async redeem(key: SliceKey, seen: Slice, { id, amount }: { id: string; amount: number }) {
    return this.#update(key, (slice) => {
      const same = slice.shortfall === seen.shortfall && slice.received === seen.received && slice.given === seen.given
      if (!same || slice.redeemed.has(id)) return undefined
      const { toFree, paid } = credited(slice, amount)
      const redeemed = this.#planted === 'redemption not recorded' ? slice.redeemed : new Map(slice.redeemed).set(id, amount)
      return { redeemed, received: slice.received + amount, free: slice.free + toFree, shortfall: slice.shortfall - paid }
    })
  }

  #update(key: SliceKey, change: (slice: Slice) => Partial<Slice> | undefined): Slice | undefined {
    const before = this.items.get(idOf(key))
    const changed = before === undefined ? undefined : change(before)
    if (before === undefined || changed === undefined) return undefined
    const after = { ...before, ...changed }
    if (this.#planted === 'none' && !isBalanced(after)) throw new Error('the books of a slice do not add up')
    this.items.set(idOf(key), after)
    return after
  }
}

/** One region's replica of the mailboxes: it has its own writes at once, and those of others when `replicate` brings them. */
export class ModelVouchers implements Vouchers {
  readonly vouchers = new Map<string, Voucher>()
  readonly wants = new Map<string, { region: string; want: Want }>()

  async insert(voucher: Voucher) {
    const id = `${voucher.to} ${voucher.id}`
    if (!this.vouchers.has(id)) this.vouchers.set(id, voucher)
  }

  async addressedTo(region: string, fromPeriod: string) {
    return [...this.vouchers.values()].filter(({ to, period }) => to === region && period >= fromPeriod)
  }

  async want(region: string, want: Want) {
    this.wants.set(`${region} ${idOf(want)} ${want.urgent}`, { region, want })
  }

  async wantsOf(region: string, fromPeriod: string) {
    return [...this.wants.values()].flatMap((entry) => (entry.region === region && entry.want.period >= fromPeriod ? [entry.want] : []))
  }

  /** Brings what another replica has: as often as one likes. Wants of its own region are never overwritten by a copy. */
  replicate(from: ModelVouchers, ownRegion: string): void {
    for (const [id, voucher] of from.vouchers) if (!this.vouchers.has(id)) this.vouchers.set(id, voucher)
    for (const [id, entry] of from.wants) if (entry.region !== ownRegion) this.wants.set(id, entry)
  }
}

export class ModelOutcomes implements Outcomes {
  readonly #claims = new Map<string, ReportedOutcome>()
  readonly #told: { node: string; atMs: number; report: ReportedOutcome }[] = []

  async claim(report: ReportedOutcome) {
    const id = `${report.decisionId} ${report.tenant} ${report.agentId}`
    const standing = this.#claims.get(id) ?? report
    this.#claims.set(id, standing)
    return standing
  }

  async tell(node: string, report: ReportedOutcome, nowMs: number) {
    this.#told.push({ node, atMs: nowMs, report })
  }

  async toldTo(node: string, sinceMs: number) {
    return this.#told.flatMap((one) => (one.node === node && one.atMs >= sinceMs ? [one.report] : []))
  }
}

const idOf = ({ agent, period, unit }: SliceKey) => `${agent} ${period} ${unit}`
