import { isBalanced } from '../../runtime/state/slice.ts'
import type { World } from './world.ts'

/** Everything that has to hold at any moment of any schedule. @returns what does not, one line each */
export function broken(world: World): string[] {
  return [...overspent(world), ...unbalanced(world), ...unaccounted(world), ...uncovered(world), ...failed(world)]
}

/** What processes say of a slice accounts for all of it, and for at least what their region let pass. */
export function misreported(world: World): string[] {
  return world.regions.flatMap((region) => {
    const nodes = new Set(region.processes.map(({ node }) => node))
    const living = region.processes.filter(({ alive }) => alive)
    const statuses = living.flatMap(({ node, keeper }) => keeper.status().map((status) => ({ node, status })))
    return statuses.flatMap(({ node, status }) => {
      const { period, granted, received, given, shortfall, free, leased, spent, stranded } = status
      const passed = world.allowed.filter((one) => one.period === period && nodes.has(one.node))
      const sum = passed.reduce((total, one) => total + (one.open ? one.cost : one.spent), 0)
      return [
        ...(granted + received - given + shortfall === free + leased + spent + stranded ? [] : [`${node}, ${period}: does not add up`]),
        ...(sum <= leased + spent + stranded ? [] : [`${node}, ${period}: reports ${leased}, ${spent}, ${stranded} of ${sum}`]),
      ]
    })
  })
}

/** What calls were allowed to spend never passes the cap of their period. */
function overspent({ allowed, cap }: World): string[] {
  const sums = new Map<string, number>()
  for (const { period, cost, spent, open } of allowed) sums.set(period, (sums.get(period) ?? 0) + (open ? cost : spent))
  return [...sums].flatMap(([period, sum]) => (sum > cap ? [`${period}: ${sum} allowed, ${cap} granted`] : []))
}

/** Nothing goes wrong but what the schedule makes go wrong. */
function failed({ log }: World): string[] {
  const lines = log.map((event) => JSON.stringify(event))
  return lines.filter((line) => line.includes('detail') && !/Error: (lost|timeout|no answer|unreachable)/.test(line))
}

function unbalanced(world: World): string[] {
  return world.slices().flatMap(({ region, id, slice }) => (isBalanced(slice) ? [] : [`${region}, ${id}: the books do not add up`]))
}

/** What was received was given, to this region, in this amount, and once. */
function unaccounted(world: World): string[] {
  const given = world
    .slices()
    .flatMap(({ id, slice }) => [...slice.vouchers].map(([voucher, { to, amount }]) => ({ id, voucher, to, amount })))
  return world.slices().flatMap(({ region, id, slice }) => {
    const redeemed = [...slice.redeemed]
    const foreign = redeemed.filter(
      ([voucher, amount]) => !given.some((one) => one.id === id && one.voucher === voucher && one.to === region && one.amount === amount),
    )
    const sum = redeemed.reduce((total, [, amount]) => total + amount, 0)
    return [
      ...foreign.map(([voucher]) => `${region}, ${id}: redeemed ${voucher}, which nobody gave`),
      ...(sum === slice.received ? [] : [`${region}, ${id}: received ${slice.received}, redeemed ${sum}`]),
    ]
  })
}

/** Whatever a process lets pass, its leases in the table cover: so its crash strands something and overspends nothing. */
function uncovered(world: World): string[] {
  const held = new Map<string, number>()
  for (const { id, slice } of world.slices()) {
    const period = id.split(' ')[1]
    for (const [name, lease] of slice.leases) {
      const key = `${period} ${name.split('.')[0]}`
      held.set(key, (held.get(key) ?? 0) + lease.held)
    }
  }
  const passed = new Map<string, number>()
  for (const { period, node, cost, spent, open } of world.allowed) {
    const key = `${period} ${node}`
    passed.set(key, (passed.get(key) ?? 0) + (open ? cost : spent))
  }
  return [...passed].flatMap(([key, sum]) => (sum > (held.get(key) ?? 0) ? [`${key}: ${sum} let pass, ${held.get(key) ?? 0} held`] : []))
}
