import {
  type AttributeValue,
  ConditionalCheckFailedException,
  type DynamoDBClient,
  GetItemCommand,
  PutItemCommand,
  QueryCommand,
  UpdateItemCommand,
} from '@aws-sdk/client-dynamodb'
import { credited, followed, type Lease, type Slice, type SliceKey } from './slice.ts'
import { parseSlice } from './slice-item.ts'

/**
 * The slices of one region, in its own table. Every change is one conditional write of one item. A change that answers undefined was
 * refused by its condition and did nothing; one that rejects may have been made or not, or may yet be.
 */
export interface Slices {
  /** Strongly consistent. */
  read(key: SliceKey): Promise<Slice | undefined>
  /** An agent's slices from a period on. */
  ofAgent(agent: string, fromPeriod: string): Promise<readonly { key: SliceKey; slice: Slice }[]>
  /** Makes the slice, if there is none yet. @returns the slice as it is then */
  open(key: SliceKey, granted: number, directorySeq: number): Promise<Slice | undefined>
  /** Takes `take` for a lease, which then is `lease`; refused unless so much is free and the lease still has sequence number `lease.seq - 1`. */
  lease(key: SliceKey, name: string, lease: Lease, take: number): Promise<Slice | undefined>
  /** Brings `back` from a lease, which then is `lease`. `known`: what the shortfall was last seen to be, which is paid first. */
  giveBack(key: SliceKey, name: string, lease: Lease, back: number, known: Pick<Slice, 'shortfall'>): Promise<Slice | undefined>
  /** Follows a newer directory, from a state that was read. */
  follow(key: SliceKey, seen: Slice, granted: number, directorySeq: number): Promise<Slice | undefined>
  /** Takes a voucher's amount out and writes the voucher down, in one: the first half of a transfer. */
  give(key: SliceKey, voucher: { id: string; to: string; amount: number }): Promise<Slice | undefined>
  /** Writes down that a voucher stands in the global table. */
  sent(key: SliceKey, id: string): Promise<void>
  /** Adds a voucher's amount and writes its id down, in one: refused when it was redeemed before. */
  redeem(key: SliceKey, seen: Slice, voucher: { id: string; amount: number }): Promise<Slice | undefined>
}

/** How long items stay after their period has begun. Vouchers are forgotten earlier, so that none outlives what remembers its redemption. */
export const SLICE_KEPT_MS = 10 * 86_400_000

export function regionalSlices(client: DynamoDBClient, table: string, { timeoutMs = 1000 } = {}): Slices {
  const signal = () => ({ abortSignal: AbortSignal.timeout(timeoutMs) })

  const update = async (key: SliceKey, change: Change): Promise<Slice | undefined> => {
    try {
      const { Attributes } = await client.send(
        new UpdateItemCommand({
          TableName: table,
          Key: keyOf(key),
          UpdateExpression: change.set,
          ConditionExpression: change.when,
          ...(change.names !== undefined && { ExpressionAttributeNames: change.names }),
          ExpressionAttributeValues: change.values,
          ReturnValues: 'ALL_NEW',
        }),
        signal(),
      )
      return parseSlice(Attributes)
    } catch (error) {
      if (error instanceof ConditionalCheckFailedException) return undefined
      throw error
    }
  }

  const read = async (key: SliceKey) => {
    const { Item } = await client.send(new GetItemCommand({ TableName: table, Key: keyOf(key), ConsistentRead: true }), signal())
    return Item === undefined ? undefined : parseSlice(Item)
  }

  return {
    read,
    async ofAgent(agent, fromPeriod) {
      const { Items } = await client.send(
        new QueryCommand({
          TableName: table,
          ConsistentRead: true,
          KeyConditionExpression: 'pk = :pk AND sk >= :from',
          ExpressionAttributeValues: { ':pk': text(`slice#${agent}`), ':from': text(fromPeriod) },
        }),
        signal(),
      )
      return (Items ?? []).map((item) => {
        const [period = '', unit = ''] = (item.sk?.S ?? '').split('#')
        return { key: { agent, period, unit }, slice: parseSlice(item) }
      })
    },
    async open(key, granted, directorySeq) {
      try {
        await client.send(
          new PutItemCommand({
            TableName: table,
            Item: { ...keyOf(key), ...newItem(key, granted, directorySeq) },
            ConditionExpression: 'attribute_not_exists(pk)',
          }),
          signal(),
        )
      } catch (error) {
        if (!(error instanceof ConditionalCheckFailedException)) throw error
      }
      return read(key)
    },
    lease: (key, name, lease, take) => update(key, leaseChange(name, lease, take)),
    giveBack: (key, name, lease, back, known) => update(key, giveBackChange(name, lease, back, known)),
    follow: (key, seen, granted, directorySeq) => update(key, followChange(seen, granted, directorySeq)),
    give: (key, voucher) => update(key, giveChange(voucher)),
    async sent(key, id) {
      await update(key, {
        set: 'SET vouchers.#id.sent = :yes',
        when: 'attribute_exists(vouchers.#id)',
        names: { '#id': id },
        values: { ':yes': { BOOL: true } },
      })
    },
    redeem: (key, seen, voucher) => update(key, redeemChange(seen, voucher)),
  }
}

interface Change {
  set: string
  when: string
  names?: Record<string, string>
  values: Record<string, AttributeValue>
}

function leaseChange(name: string, lease: Lease, take: number): Change {
  return {
    set: 'SET leases.#name = :lease, free_units = free_units - :take',
    when: `${follows(lease)} AND free_units >= :take`,
    names: { '#name': name },
    values: { ':lease': leaseItem(lease), ':take': number(take), ...before(lease) },
  }
}

function giveBackChange(name: string, lease: Lease, back: number, known: Pick<Slice, 'shortfall'>): Change {
  const { toFree, paid } = credited(known, back)
  return {
    set: 'SET leases.#name = :lease, free_units = free_units + :free, shortfall = shortfall - :paid',
    when: `${follows(lease)} AND shortfall = :known`,
    names: { '#name': name },
    values: {
      ':lease': leaseItem(lease),
      ':free': number(toFree),
      ':paid': number(paid),
      ':known': number(known.shortfall),
      ...before(lease),
    },
  }
}

/** The lease is the one before `lease`, or the first. */
const follows = ({ seq }: Lease) => (seq === 1 ? 'attribute_not_exists(leases.#name)' : 'leases.#name.seq = :before')
const before = ({ seq }: Lease): Record<string, AttributeValue> => (seq === 1 ? {} : { ':before': number(seq - 1) })

function followChange(seen: Slice, granted: number, directorySeq: number): Change {
  const { free, shortfall } = followed(seen, granted)
  return {
    set: 'SET granted = :granted, directory_seq = :seq, free_units = :free, shortfall = :shortfall',
    when: 'granted = :granted0 AND directory_seq = :seq0 AND free_units = :free0 AND shortfall = :shortfall0 AND directory_seq < :seq',
    values: {
      ':granted': number(granted),
      ':seq': number(directorySeq),
      ':free': number(free),
      ':shortfall': number(shortfall),
      ':granted0': number(seen.granted),
      ':seq0': number(seen.directorySeq),
      ':free0': number(seen.free),
      ':shortfall0': number(seen.shortfall),
    },
  }
}

function giveChange({ id, to, amount }: { id: string; to: string; amount: number }): Change {
  return {
    set: 'SET vouchers.#id = :voucher, given = given + :amount, free_units = free_units - :amount',
    when: 'free_units >= :amount AND attribute_not_exists(vouchers.#id)',
    names: { '#id': id },
    values: { ':voucher': { M: { to: text(to), amount: number(amount), sent: { BOOL: false } } }, ':amount': number(amount) },
  }
}

function redeemChange(seen: Slice, { id, amount }: { id: string; amount: number }): Change {
  const { toFree, paid } = credited(seen, amount)
  return {
    set: 'SET redeemed.#id = :amount, received = received + :amount, free_units = free_units + :free, shortfall = shortfall - :paid',
    // What was received and given bounds what may come in, so it has to be what was seen.
    when: 'attribute_not_exists(redeemed.#id) AND shortfall = :shortfall AND received = :received AND given = :given',
    names: { '#id': id },
    values: {
      ':amount': number(amount),
      ':free': number(toFree),
      ':paid': number(paid),
      ':shortfall': number(seen.shortfall),
      ':received': number(seen.received),
      ':given': number(seen.given),
    },
  }
}

function newItem({ period }: SliceKey, granted: number, directorySeq: number): Record<string, AttributeValue> {
  return {
    granted: number(granted),
    directory_seq: number(directorySeq),
    // `free` is a reserved word of DynamoDB.
    free_units: number(granted),
    shortfall: number(0),
    received: number(0),
    given: number(0),
    leases: { M: {} },
    redeemed: { M: {} },
    vouchers: { M: {} },
    ttl: number(Math.floor((Date.parse(period) + SLICE_KEPT_MS) / 1000)),
  }
}

const keyOf = ({ agent, period, unit }: SliceKey) => ({ pk: text(`slice#${agent}`), sk: text(`${period}#${unit}`) })
const text = (value: string): AttributeValue => ({ S: value })
const number = (value: number): AttributeValue => ({ N: String(value) })
const leaseItem = ({ seq, held, spent, beatMs }: Lease): AttributeValue => ({
  M: { seq: number(seq), held: number(held), spent: number(spent), beat_ms: number(beatMs) },
})
