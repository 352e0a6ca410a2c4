import { z } from 'zod'
import { CommandError, EXIT } from './exit-codes.ts'
import { callGateway, type RunningFabric } from './fabric-client.ts'

const collected = z.object({ token: z.string(), expires_at: z.string() })
const refused = z.object({ error: z.object({ code: z.string(), message: z.string() }) })

/**
 * The agent's side of an approval: collects the override token where the approval lives. It is good for five minutes, once.
 * @param token the agent's own
 * @throws CommandError in one line: still pending, rejected, expired, or not this agent's
 */
export async function collectOverride(
  fabric: RunningFabric,
  { id, region, token }: { id: string; region: string; token: string },
): Promise<string> {
  const path = `/v1/approvals/${encodeURIComponent(id)}/token`
  const { status, text } = await callGateway(fabric, { entrance: { region }, path, token, body: '{}' })
  const body = parsed(text)
  const found = collected.safeParse(body)
  if (status === 200 && found.success) return found.data.token
  const error = refused.safeParse(body)
  const why = error.success ? `${error.data.error.code}: ${error.data.error.message}` : `HTTP ${status}`
  throw new CommandError(`no override token for ${id}: ${why}`, EXIT.failed)
}

/** The region stands in the id: `apr.<region>.<random>`. @throws CommandError */
export function regionOfApproval(id: string): string {
  const [kind, region, random, ...rest] = id.split('.')
  if (kind !== 'apr' || !region || !random || rest.length > 0)
    throw new CommandError(`${JSON.stringify(id)} is not an approval id such as apr.eu-west-1.Zm9v...`)
  return region
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}
