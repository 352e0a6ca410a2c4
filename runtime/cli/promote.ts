import { z } from 'zod'
import { CommandError, EXIT, type ExitCode } from './exit-codes.ts'
import { cellOf, findFabric, type RunningFabric } from './fabric-client.ts'
import { askOperator, NoAnswerError, operatorToken, orRefused, type Reply } from './operator-client.ts'
import { operatorStatus } from './operator-status.ts'

export interface PromoteOptions {
  tenant: string
  /** The region that is to serve the tenant. */
  region: string
  /** The operator's word that the active region is gone for good: it is not asked to release the tenant. */
  homeLost: boolean
}

/** The target has to hear of it, and after a `home_lost` to see that the others know or are silent. */
const SERVED_WITHIN_MS = 15_000
const POLL_MS = 100

/** `aegis promote`: makes another region the active one of a region-bound tenant. @returns failed when it does not serve after a while */
export async function promote(
  { stateDir, patienceMs = SERVED_WITHIN_MS, ...options }: PromoteOptions & { stateDir: string; patienceMs?: number },
  out: (line: string) => void,
): Promise<ExitCode> {
  const { tenant, region } = options
  const fabric = findFabric(stateDir)
  const { releasedBy, epoch, onYourWord } = await promoteTenant(fabric, options)
  const how = onYourWord
    ? 'on your word that the former region is lost'
    : releasedBy === undefined
      ? 'as before'
      : `released by ${releasedBy}`
  const served = await untilServed(fabric, { tenant, region, patienceMs })
  out(`${tenant} ${served ? 'is served by' : 'was promoted to'} ${region}${epoch === undefined ? '' : `, epoch ${epoch}`}: ${how}`)
  if (!served) out(`${region} does not serve it yet; aegis status shows when it does`)
  return served ? EXIT.held : EXIT.failed
}

/** An order that was taken is not yet one that every process has heard of. */
async function untilServed(
  fabric: RunningFabric,
  { tenant, region, patienceMs }: { tenant: string; region: string; patienceMs: number },
): Promise<boolean> {
  const giveUpAt = performance.now() + patienceMs
  for (;;) {
    const { homes } = await operatorStatus(fabric, region)
    if (homes.some((home) => home.tenant === tenant && home.serves)) return true
    if (performance.now() > giveUpAt) return false
    await new Promise((resolve) => setTimeout(resolve, POLL_MS))
  }
}

/**
 * The active region writes the release, so that two never serve. Which one that is, any region knows: it is asked, and
 * its word followed once. When the active region is lost, the target writes instead.
 * @returns who released the tenant; undefined when the region served it already, or was told that the other is lost
 * @throws CommandError
 */
export async function promoteTenant(
  fabric: RunningFabric,
  { tenant, region, homeLost }: PromoteOptions,
): Promise<{ releasedBy: string | undefined; epoch: number | undefined; onYourWord: boolean }> {
  cellOf(fabric, region)
  const order = {
    method: 'POST',
    path: '/v1/promotions',
    token: operatorToken(fabric, 'failover'),
    body: { tenant, region, home_lost: homeLost },
  } as const
  const told = await askOperator(fabric, region, order)
  const active = homeLost ? undefined : heldBy(told)
  const reply = active === undefined ? told : await askActive(fabric, active, order)
  const { epoch, home_lost: onYourWord } = promotion.parse(orRefused(reply, `promoting ${region} for ${tenant}`))
  return { releasedBy: active, epoch, onYourWord }
}

async function askActive(fabric: RunningFabric, active: string, order: Parameters<typeof askOperator>[2]): Promise<Reply> {
  if (!fabric.regions.some((cell) => cell.region === active))
    throw new CommandError(
      `${active} serves the tenant and does not run here, so it cannot release it; if it is lost for good, say --home-lost`,
      EXIT.failed,
    )
  try {
    return await askOperator(fabric, active, order)
  } catch (error) {
    if (!(error instanceof NoAnswerError)) throw error
    throw new CommandError(
      `${active} serves the tenant and does not answer, so it cannot release it; if it is lost for good, say --home-lost`,
      EXIT.failed,
    )
  }
}

function heldBy(reply: Reply): string | undefined {
  return !reply.ok && reply.status === 409 && reply.refusal.code === 'held_elsewhere' ? reply.refusal.region : undefined
}

/** As it stands now: told of a loss, a region that serves already goes on as before. */
const promotion = z.object({ epoch: z.int().optional(), home_lost: z.boolean().default(false) })
