import { z } from 'zod'
import { CommandError, EXIT, type ExitCode } from './exit-codes.ts'
import { cellOf, findFabric, type RunningFabric } from './fabric-client.ts'
import { askOperator, NoAnswerError, operatorToken, orRefused, type Reply } from './operator-client.ts'

export interface PromoteOptions {
  tenant: string
  /** The region that is to serve the tenant. */
  region: string
  /** The operator's word that the active region is gone for good: it is not asked to release the tenant. */
  homeLost: boolean
}

/** `aegis promote`: makes another region the active one of a region-bound tenant. */
export async function promote(options: PromoteOptions & { stateDir: string }, out: (line: string) => void): Promise<ExitCode> {
  const fabric = findFabric(options.stateDir)
  const { releasedBy, epoch } = await promoteTenant(fabric, options)
  const how = options.homeLost
    ? 'on your word that the former region is lost'
    : releasedBy === undefined
      ? 'as before'
      : `released by ${releasedBy}`
  out(`${options.tenant} is served by ${options.region}${epoch === undefined ? '' : `, epoch ${epoch}`}: ${how}`)
  return EXIT.held
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
): Promise<{ releasedBy: string | undefined; epoch: number | undefined }> {
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
  const fields = orRefused(reply, `promoting ${region} for ${tenant}`)
  return { releasedBy: active, epoch: epochOf(fields) }
}

async function askActive(fabric: RunningFabric, active: string, order: Parameters<typeof askOperator>[2]): Promise<Reply> {
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

function epochOf(fields: unknown): number | undefined {
  const found = z.object({ epoch: z.int() }).safeParse(fields)
  return found.success ? found.data.epoch : undefined
}
