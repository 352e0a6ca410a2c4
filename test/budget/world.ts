import type { GrantsInForce } from '../../runtime/budget/granted.ts'
import { type BudgetKeeper, createKeeper, type HeldReservation } from '../../runtime/budget/keeper.ts'
import { newDecisionId } from '../../runtime/model/decision-id.ts'
import { agentDocument } from '../../runtime/policy/agent-document.ts'
import type { ActiveAgent } from '../../runtime/policy/bundle-data.ts'
import { grantsFor } from '../../runtime/policy/grants.ts'
import type { Slice } from '../../runtime/state/slice.ts'
import type { Slices } from '../../runtime/state/slices.ts'
import { ModelOutcomes, ModelSlices, ModelVouchers, type Planted } from './model.ts'

// Regions with processes, tables and a network between them, all of which may fail. Nothing here is about time that passes: the clock is
// moved by hand, and each request meets the fate that the schedule has for it.

/** `lost`: never arrives. `unanswered`: is applied, and no answer comes. `late`: is applied when somebody lets it, after it was given up. */
export type Fate = 'ok' | 'lost' | 'unanswered' | 'late'

export const AGENT = 'treasury-agent'
const TENANT = 'acme-eu'
const REGION_NAMES = ['eu-west-1', 'eu-central-1', 'eu-north-1']
/** One hour before midnight, so that schedules cross it. */
const START_MS = Date.parse('2026-11-22T23:00:00Z')

interface Region {
  name: string
  slices: ModelSlices
  vouchers: ModelVouchers
  outcomes: ModelOutcomes
  down: boolean
  skewMs: number
  late: (() => Promise<unknown>)[]
  processes: Process[]
}

interface Process {
  node: string
  keeper: BudgetKeeper
  directory: GrantsInForce
  alive: boolean
  stop: () => Promise<void>
}

/** What a call was allowed to spend, and what it spent, as the caller knows it. A keeper may believe that it was more: never less. */
export interface Allowed {
  period: string
  node: string
  decisionId: string
  cost: number
  spent: number
  open: boolean
  reservation: HeldReservation
}

export class World {
  readonly regions: Region[]
  readonly allowed: Allowed[] = []
  readonly refusals = { exhausted: 0, unavailable: 0 }
  readonly log: object[] = []
  /** Every request arrives and is answered. */
  calm = false
  /** The largest amount that any directory ever granted. */
  cap: number
  #nowMs = START_MS
  #directory: GrantsInForce
  readonly #planted: Planted
  readonly #fates: () => Fate
  readonly #pauses: () => number
  readonly #cuts = new Set<string>()
  #nodes = 0

  constructor(options: { regions: number; amount: number; planted?: Planted; fates?: () => Fate; pauses?: () => number }) {
    const { regions, amount, planted = 'none', fates = () => 'ok', pauses = () => 0 } = options
    this.cap = amount
    this.#planted = planted
    this.#fates = fates
    this.#pauses = pauses
    this.regions = REGION_NAMES.slice(0, regions).map((name) => {
      const vouchers = new ModelVouchers()
      const slices = new ModelSlices(planted)
      return { name, slices, vouchers, outcomes: new ModelOutcomes(), down: false, skewMs: 0, late: [], processes: [] }
    })
    this.#directory = this.#issue(amount, 1)
    for (const region of this.regions) for (let i = 0; i < 2; i++) this.begin(region)
  }

  region(index: number): Region {
    const region = this.regions[index % this.regions.length]
    if (region === undefined) throw new Error('there are no regions')
    return region
  }

  /** A living process of a region; undefined when there is none. */
  process(region: Region, index: number): Process | undefined {
    const alive = region.processes.filter((process) => process.alive)
    return alive[index % Math.max(1, alive.length)]
  }

  begin(region: Region): void {
    this.#nodes += 1
    const node = this.#nodes.toString(16).padStart(12, '0')
    const process = { node, directory: this.#directory, alive: true } as Process
    const through = <T extends object>(repository: T): T => this.#network(repository, region, process)
    process.keeper = createKeeper({
      region: region.name,
      node,
      slices: through(region.slices),
      vouchers: through(region.vouchers),
      outcomes: through(region.outcomes),
      clock: { now: () => this.#nowMs + region.skewMs, monotonic: () => this.#nowMs },
      directory: () => process.directory,
      log: (event) => this.log.push(event),
    })
    process.stop = process.keeper.start(2 ** 30)
    region.processes.push(process)
  }

  /** Its memory is gone. What it had set aside for calls under way was allowed, and stays so. */
  crash(process: Process | undefined): void {
    if (process === undefined) return
    process.alive = false
    for (const one of this.allowed) if (one.node === process.node && one.open) this.#end(one, one.cost)
  }

  async stop(process: Process | undefined): Promise<void> {
    if (process === undefined) return
    await process.stop()
    this.crash(process)
  }

  async spend(region: Region, process: Process | undefined, cost: number): Promise<'allowed' | 'refused'> {
    if (process === undefined) return 'refused'
    const { keeper, node } = process
    const agent = agentOf(this.cap)
    await keeper.prepare(agent, cost, false)
    const facts = keeper.facts(agent, cost, false)
    if (facts === null || facts.cost > facts.remaining) {
      this.refusals[facts === null ? 'unavailable' : 'exhausted'] += 1
      return 'refused'
    }
    const decisionId = newDecisionId(node)
    const untilMs = this.#nowMs + region.skewMs + 300_000
    const reservation = await keeper.reserve(agent, cost, { decisionId, tenant: TENANT, untilMs, shadow: false })
    if (typeof reservation === 'string') {
      this.refusals[reservation] += 1
      return 'refused'
    }
    // The period that counts is the one that the keeper counted it in.
    const period = new Date(this.#nowMs + region.skewMs).toISOString().slice(0, 10)
    this.allowed.push({ period, node, decisionId, cost, spent: 0, open: process.alive, reservation })
    if (!process.alive) this.#end(this.allowed.at(-1), cost)
    return 'allowed'
  }

  /** The outcome of one of the open calls. Whoever says it twice changes nothing. */
  settle(index: number, share: number): void {
    const one = this.#open(index)
    if (one === undefined) return
    const spent = Math.floor(one.cost * share)
    if (spent === 0) one.reservation.release()
    else one.reservation.settle(spent)
    one.reservation.release()
    one.reservation.settle(one.cost)
    this.#end(one, spent)
  }

  /** The same by way of the outcome door of some process of the region. */
  async report(index: number, through: number, executed: boolean): Promise<void> {
    const one = this.#open(index)
    const region = this.regions.find(({ processes }) => processes.some(({ node }) => node === one?.node))
    const door = region && this.process(region, through)
    if (one === undefined || door === undefined) return
    const by = { agentId: AGENT, tenant: TENANT }
    const outcome = { status: executed ? ('executed' as const) : ('not_executed' as const) }
    // Whether the report ever gets there or not: this is what happened.
    this.#end(one, executed ? one.cost : 0)
    await door.keeper.report(one.decisionId, by, outcome).catch(() => {})
  }

  async tick(process: Process | undefined): Promise<void> {
    await process?.keeper.tick()
  }

  setAmount(amount: number): void {
    this.cap = Math.max(this.cap, amount)
    this.#directory = this.#issue(amount, this.#directory.directorySeq + 1)
  }

  adopt(process: Process | undefined): void {
    if (process !== undefined) process.directory = this.#directory
  }

  advance(ms: number): void {
    this.#nowMs += ms
    this.setGrants()
  }

  /** A directory of the day, for those who will hear of it. */
  setGrants(): void {
    const amount = sumOfToday(this.#directory)
    this.#directory = this.#issue(amount, this.#directory.directorySeq + 1)
  }

  cut(from: Region, to: Region): void {
    this.#cuts.add(`${from.name} ${to.name}`)
  }

  heal(): void {
    this.#cuts.clear()
    for (const region of this.regions) region.down = false
  }

  replicate(): void {
    for (const from of this.regions)
      for (const to of this.regions)
        if (from !== to && !from.down && !this.#cuts.has(`${from.name} ${to.name}`)) to.vouchers.replicate(from.vouchers, to.name)
  }

  /** Requests that were given up arrive after all, in any order. */
  async arrive(region: Region, index: number): Promise<void> {
    const [request] = region.late.splice(index % Math.max(1, region.late.length), 1)
    await request?.().catch(() => {})
  }

  slices(): { region: string; id: string; slice: Slice }[] {
    return this.regions.flatMap(({ name, slices }) => [...slices.items].map(([id, slice]) => ({ region: name, id, slice })))
  }

  #open(index: number): Allowed | undefined {
    const open = this.allowed.filter((one) => one.open)
    return open[index % Math.max(1, open.length)]
  }

  #end(one: Allowed | undefined, spent: number): void {
    if (one === undefined) return
    one.open = false
    one.spent = spent
  }

  #issue(amount: number, directorySeq: number): GrantsInForce {
    const document = agentDocument.parse({
      agent: AGENT,
      tenant: TENANT,
      allowed_tools: {},
      budget: { period: 'day', amount, currency: 'eur' },
    })
    const tenant = {
      id: TENANT,
      zone: 'eu',
      homeRegion: REGION_NAMES[0] ?? null,
      binding: 'zone' as const,
      mode: 'enforce' as const,
      residency: 'enforce' as const,
    }
    return { directorySeq, grants: grantsFor([document], [tenant], { eu: this.regions.map(({ name }) => name) }, this.#nowMs) }
  }

  /** What a careless donor would do: the receiver gets its voucher whether or not the donor then gives anything. */
  async #receiverFirst({ name, vouchers }: Region, [key, voucher]: Parameters<Slices['give']>): Promise<void> {
    await vouchers.insert({ ...key, ...voucher, from: name })
  }

  /** Every method of a repository, by way of a network. A process that crashed reaches nothing, and neither does anybody a region that is down. */
  #network<T extends object>(repository: T, region: Region, process: Process): T {
    return new Proxy(repository, {
      get: (target, name) => {
        const method: unknown = Reflect.get(target, name)
        if (typeof method !== 'function') return method
        return async (...args: unknown[]) => {
          const call = () => Reflect.apply(method, target, args) as Promise<unknown>
          for (let pause = this.#pauses(); pause > 0; pause--) await null
          if (region.down || !process.alive) throw new Error('unreachable')
          if (name === 'give' && this.#planted === 'receiver first') await this.#receiverFirst(region, args as Parameters<Slices['give']>)
          const fate = this.calm ? 'ok' : this.#fates()
          if (fate === 'lost') throw new Error('lost')
          if (fate === 'late') {
            region.late.push(call)
            throw new Error('timeout')
          }
          const answer = await call()
          for (let pause = this.#pauses(); pause > 0; pause--) await null
          if (fate === 'unanswered' || !process.alive) throw new Error('no answer')
          return answer
        }
      },
    })
  }
}

function sumOfToday({ grants }: GrantsInForce): number {
  const period = grants[0]?.period
  return grants.filter((grant) => grant.period === period).reduce((sum, { amount }) => sum + amount, 0)
}

export function agentOf(amount: number, unit = 'eur'): ActiveAgent {
  const agent = { id: AGENT, tenant: TENANT, mode: 'enforce' as const, policyJson: '{}', egress: [], rates: new Map(), chain: [] }
  return { ...agent, budget: { period: 'day', amount, unit } }
}
