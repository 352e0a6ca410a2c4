import { randomBytes } from 'node:crypto'
import type { Clock } from '../model/ports.ts'
import type { Slice, SliceKey } from '../state/slice.ts'
import type { Slices } from '../state/slices.ts'
import type { Voucher, Vouchers, Want } from '../state/vouchers.ts'
import type { Granted } from './granted.ts'
import type { Ledger } from './ledger.ts'
import { periodAfter, periodOf } from './period.ts'
import { donation, wish } from './sharing.ts'

/** Moves parts of a budget between regions: by vouchers, the donor's slice first, each redeemed once. Everything may be repeated. */
export interface Transfers {
  /** Redeems what is addressed to this region. */
  receive(): Promise<void>
  /** Tells the others what this region's slices are short of. */
  ask(ledgers: Iterable<Ledger>): Promise<void>
  /** Gives what the others ask for, as far as it can be spared. */
  answer(): Promise<void>
  /** Sends vouchers again that a slice has given and that perhaps nobody has put into the global table. */
  resend(key: SliceKey, slice: Slice | undefined): Promise<void>
}

export interface TransferOptions {
  region: string
  slices: Slices
  vouchers: Vouchers
  granted: Granted
  clock: Clock
  log: (event: object) => void
}

/** Vouchers that one slice gives or takes in a period: its item has to stay small. */
const VOUCHERS_MAX = 500
const WANT_EVERY_MS = 2_000
const KNOWN_MAX = 100_000

export function createTransfers({ region, slices, vouchers, granted, clock, log }: TransferOptions): Transfers {
  const redeemed = new Set<string>()
  const answered = new Set<string>()
  const asked = { now: new WeakMap<Ledger, number>(), soon: new WeakMap<Ledger, number>() }

  const opened = async (key: SliceKey): Promise<Slice | undefined> => {
    const slice = await slices.read(key)
    const grant = granted.here(key)
    return slice !== undefined || grant === undefined ? slice : slices.open(key, grant.amount, grant.directorySeq)
  }

  const send = async (voucher: Voucher) => {
    await vouchers.insert(voucher)
    await slices.sent(voucher, voucher.id)
  }

  const redeem = async (voucher: Voucher) => {
    if (!granted.peers(voucher).includes(voucher.from)) return
    const slice = await opened(voucher)
    if (slice === undefined) return
    if (slice.redeemed.has(voucher.id)) {
      remember(redeemed, voucher.id)
      return
    }
    // The mailbox is no proof. Whatever stands in it, a region never gets more than the whole budget.
    const fits = slice.granted + slice.received - slice.given + voucher.amount <= granted.total(voucher)
    if (!fits || slice.redeemed.size >= VOUCHERS_MAX) return
    if ((await slices.redeem(voucher, slice, voucher)) === undefined) return
    remember(redeemed, voucher.id)
    log({ event: 'voucher_redeemed', agent: voucher.agent, period: voucher.period, from: voucher.from, amount: voucher.amount })
  }

  const give = async (want: Want, peer: string, ownNeed: boolean) => {
    if (granted.here(want) === undefined || !granted.peers(want).includes(peer)) return
    const { agent, period, unit } = want
    // Made from the wish, so that all processes of the region answer it with one and the same voucher.
    const id = `${period}.${want.id}.${region}`
    const slice = await opened(want)
    if (slice === undefined) return
    const before = slice.vouchers.get(id)
    if (before !== undefined) {
      if (!before.sent) await send({ agent, period, unit, id, from: region, to: before.to, amount: before.amount })
    } else {
      const amount = slice.vouchers.size >= VOUCHERS_MAX ? 0 : donation(want, slice, { ownNeed, goesFirst: peer < region })
      if (amount === 0) return
      if ((await slices.give({ agent, period, unit }, { id, to: peer, amount })) === undefined) return
      log({ event: 'voucher_given', agent, period, to: peer, amount })
      await send({ agent, period, unit, id, from: region, to: peer, amount })
    }
    remember(answered, want.id)
  }

  return {
    async receive() {
      const found = await vouchers.addressedTo(region, periodAfter(periodOf(clock.now()), -1))
      for (const voucher of found) if (!redeemed.has(voucher.id)) await redeem(voucher)
    },

    async ask(ledgers) {
      const nowMs = clock.monotonic()
      for (const ledger of ledgers) {
        const want = granted.peers(ledger.key).length === 0 ? undefined : wish(ledger, periodOf(clock.now()), nowMs)
        if (want === undefined) continue
        const before = want.urgent ? asked.now : asked.soon
        if (nowMs - (before.get(ledger) ?? Number.NEGATIVE_INFINITY) < WANT_EVERY_MS) continue
        before.set(ledger, nowMs)
        await vouchers.want(region, { ...ledger.key, ...want, id: randomBytes(9).toString('hex'), atMs: clock.now() })
      }
    },

    async answer() {
      const peers = granted.neighbours()
      if (peers.length === 0) return
      const earliest = periodAfter(periodOf(clock.now()), -1)
      const own = new Set((await vouchers.wantsOf(region, earliest)).filter((want) => isLive(want, clock.now())).map(budgetId))
      for (const peer of peers) {
        for (const want of await vouchers.wantsOf(peer, earliest)) {
          if (!answered.has(want.id)) await give(want, peer, own.has(budgetId(want)))
        }
      }
    },

    async resend(key, slice) {
      for (const [id, { to, amount, sent }] of slice?.vouchers ?? []) if (!sent) await send({ ...key, id, from: region, to, amount })
    },
  }
}

const LIVE_MS = 10_000
const isLive = ({ urgent, atMs }: Want, nowMs: number) => urgent && nowMs - atMs < LIVE_MS
const budgetId = ({ agent, period, unit }: SliceKey) => `${agent} ${period} ${unit}`

/** What memory saves is a read: the slice itself knows what was given and redeemed. */
function remember(known: Set<string>, id: string): void {
  if (known.size >= KNOWN_MAX) known.clear()
  known.add(id)
}
