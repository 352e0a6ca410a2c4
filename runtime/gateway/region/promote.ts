import { AegisError } from '../../model/codes.ts'
import type { Clock } from '../../model/ports.ts'
import type { Tenant } from '../../model/zones.ts'
import type { Promotion, PromotionStore, RegionRowStore, Release } from '../../state/promotions.ts'
import type { ActivePolicy } from '../active-policy.ts'
import { cellsIn } from './cells.ts'
import type { Freshness } from './freshness.ts'
import type { Served } from './homes.ts'
import type { Standing } from './standing.ts'

export interface Order {
  tenant: string
  /** The region that is to serve the tenant. */
  region: string
  /** The operator's word that no other region serves the tenant, or will before it has heard of this. */
  homeLost: boolean
  /** The operator's `sub`. */
  by: string
}

export interface PromoterOptions {
  place: { region: string; zone: string }
  clock: Clock
  active: () => Pick<ActivePolicy, 'zones' | 'absent' | 'tenants'> | undefined
  rows: RegionRowStore
  promotions: PromotionStore
  freshness: Freshness
  graceMs: number
  sleep?: (ms: number) => Promise<void>
  look(): Promise<unknown>
  standing(tenant: Tenant): Standing | undefined
  serves(tenant: Tenant): Served
  /** This process has written a release. */
  released(release: Release): void
  learn(promotion: Promotion): void
  latest(tenant: string): Promotion | undefined
}

export interface Promoter {
  order(order: Order): Promise<Promotion>
  /** Makes a release the promotion that it announces: right after a look, and when the grace is over. */
  finish(release: Release): Promise<void>
  /** A release by this process is under way, and whether it was written is not known. */
  stopped(tenant: string): boolean
  /** A look that began at `monotonicMs` has ended. */
  looked(monotonicMs: number): void
}

const ATTEMPTS_MAX = 3
/** How long an order of `home_lost` is followed after it was given. */
const ORDER_MS_MAX = 5000
const HEARD_ROUND_MS = 500
const HEARD_ROUNDS_MAX = 18

/**
 * Normally the active region gives a tenant away: it stops, writes a release that stops its other processes, waits until none of them can
 * have missed it, and only then lets the next region know. A lost region can do none of this, so the next one takes the operator's word.
 */
export function promoter(options: PromoterOptions): Promoter {
  const { place, clock, rows, promotions, freshness, graceMs, standing, serves } = options
  const { sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms)) } = options
  const here = place.region
  /** Since when; infinite while the write is under way. */
  const stops = new Map<string, number>()

  const look = async () => {
    try {
      await options.look()
    } catch (cause) {
      throw new AegisError('state_unavailable', `${here} cannot read what is decided about its tenants`, { cause })
    }
  }

  const standingNow = async (tenant: Tenant): Promise<Standing> => {
    await look()
    const found = standing(tenant)
    if (found === undefined) throw new AegisError('malformed_call', 'the tenant has no home region')
    return found
  }

  const release = async (tenant: Tenant, { region, by }: Order): Promise<Promotion> => {
    for (let attempt = 0; attempt < ATTEMPTS_MAX; attempt++) {
      const stands = await standingNow(tenant)
      if (stands.release !== undefined) {
        if (region !== stands.region) throw elsewhere(stands.region, 'the tenant is being released to it')
        return announce(stands.release)
      }
      if (stands.region === region) return stands.promotion ?? atHome(tenant, region)
      if (stands.region !== here) throw elsewhere(stands.region, 'it is the active region of the tenant and has to release it')
      const served = serves(tenant)
      if (!served.ok) throw new AegisError('not_ready', `${here} does not know yet whether it is the active region: ${served.why}`)
      const written = { tenant: tenant.id, epoch: stands.epoch + 1, to: region, by, atMs: clock.now() }
      if (await stopAndRelease(written)) return announce(written)
    }
    throw new AegisError('state_unavailable', 'other orders for this tenant are under way')
  }

  const stopAndRelease = async (row: Release): Promise<boolean> => {
    stops.set(row.tenant, Number.POSITIVE_INFINITY)
    try {
      const written = await rows.release(row)
      if (written) options.released(row)
      return written
    } catch (cause) {
      throw new AegisError('state_unavailable', `${here} could not write the release`, { cause })
    } finally {
      stops.set(row.tenant, clock.monotonic())
    }
  }

  const announce = async (row: Release): Promise<Promotion> => {
    await sleep(graceMs)
    await look()
    try {
      await finish(row)
    } catch (cause) {
      throw new AegisError('state_unavailable', `released by ${here}, and announced as soon as the global table answers`, { cause })
    }
    const latest = options.latest(row.tenant)
    if (latest === undefined || latest.epoch < row.epoch) throw new AegisError('not_ready', `released by ${here}, and not announced yet`)
    if (latest.region !== row.to) throw elsewhere(latest.region, 'a later order made it the active region')
    return latest
  }

  const finish = async (row: Release) => {
    // Something later was decided meanwhile, or this process no longer knows what was.
    if (!freshness.proven || row.epoch <= (options.latest(row.tenant)?.epoch ?? 0)) return
    const promotion = promotionOf(row)
    await promotions.insert(promotion)
    options.learn(promotion)
  }

  const take = async (tenant: Tenant, { by }: Order): Promise<Promotion> => {
    const [orderedMs, orderedAtMs] = [clock.monotonic(), clock.now()]
    for (let attempt = 0; attempt < ATTEMPTS_MAX; attempt++) {
      const stands = await standingNow(tenant)
      if (stands.region === here && freshness.covers(tenant.id, stands.epoch > 0, clock.monotonic())) {
        await heard(tenant)
        return stands.promotion ?? atHome(tenant, here)
      }
      // A process that hung meanwhile acts on a word that may no longer be given: the operator may have turned to another region.
      if (Math.max(clock.monotonic() - orderedMs, clock.now() - orderedAtMs) > ORDER_MS_MAX)
        throw new AegisError(
          'state_unavailable',
          `${here} took too long over the order and did not follow it: give it again if it still holds`,
        )
      const promotion = { tenant: tenant.id, epoch: stands.epoch + 1, region: here, by, atMs: clock.now(), homeLost: true }
      try {
        if (!(await promotions.insert(promotion))) continue
      } catch (cause) {
        throw new AegisError('state_unavailable', `${here} could not write the promotion`, { cause })
      }
      freshness.vouch(tenant.id)
      options.learn(promotion)
      await heard(tenant)
      return promotion
    }
    throw new AegisError('state_unavailable', 'other orders for this tenant are under way')
  }

  /** Waits until the others have heard of it, or are silent. The promotion stands, whatever comes of the waiting. */
  const heard = async (tenant: Tenant) => {
    for (let round = 0; round < HEARD_ROUNDS_MAX && !serves(tenant).ok; round++) {
      await sleep(HEARD_ROUND_MS)
      await options.look().catch(() => {})
    }
  }

  return {
    async order(order) {
      const tenant = tenantOf(order, options)
      if (!order.homeLost) return release(tenant, order)
      if (order.region !== here) throw elsewhere(order.region, 'with home_lost the region that is to serve takes the order')
      return take(tenant, order)
    },
    finish,
    stopped: (tenant) => stops.has(tenant),
    looked(monotonicMs) {
      for (const [tenant, sinceMs] of stops) if (monotonicMs > sinceMs) stops.delete(tenant)
    },
  }
}

/** @throws AegisError not_ready, not_found, malformed_call */
function tenantOf({ tenant: id, region }: Order, { active, place }: Pick<PromoterOptions, 'active' | 'place'>): Tenant {
  const policy = active()
  if (policy === undefined) throw new AegisError('not_ready')
  const tenant = policy.tenants.get(id)
  if (tenant === undefined) throw new AegisError('not_found', 'there is no such tenant')
  if (tenant.binding !== 'region') throw new AegisError('malformed_call', 'only a tenant that is bound to a region has an active one')
  if (tenant.zone !== place.zone || !policy.zones[tenant.zone]?.includes(region))
    throw new AegisError('malformed_call', `the region is not in zone ${tenant.zone}, which the tenant is bound to`)
  if (!cellsIn(policy, tenant.zone).includes(region))
    throw new AegisError('malformed_call', 'the deployment has no cell in this region, so nobody would serve the tenant there')
  return tenant
}

function elsewhere(region: string, why: string): AegisError {
  return new AegisError('held_elsewhere', `ask ${region}: ${why}`, { region })
}

function promotionOf({ tenant, epoch, to: region, by, atMs }: Release): Promotion {
  return { tenant, epoch, region, by, atMs, homeLost: false }
}

/** Where the directory puts the tenant, nobody was promoted. */
function atHome({ id }: Tenant, region: string): Promotion {
  return { tenant: id, epoch: 0, region, by: 'directory', atMs: 0, homeLost: false }
}
