import { z } from 'zod'
import { CommandError, EXIT } from './exit-codes.ts'
import { cellOf, type RunningFabric } from './fabric-client.ts'
import { type Answer, send } from './http.ts'

/** What an operator's command asks of one region, or of the control plane. */
export interface Order {
  method: 'GET' | 'POST' | 'PUT' | 'DELETE'
  headers?: Readonly<Record<string, string>>
  path: string
  token: string
  body?: object
  /** Default: 15 s. */
  timeoutMs?: number
}

export interface Refusal {
  code: string
  message: string
  /** With `held_elsewhere`: where to ask instead. Else who refused. */
  region?: string | undefined
  /** With `policy_refused`: every fault that was found. */
  faults?: z.output<typeof faultsOfPolicy> | undefined
}

/** `fields`: the answer's JSON object, or an empty one. */
export type Reply = { ok: true; status: number; fields: unknown } | { ok: false; status: number; refusal: Refusal }

/**
 * One request to a region's operator API.
 * @throws CommandError when no such region runs or it has no operator API; {@link NoAnswerError} when it does not answer
 */
export async function askOperator(fabric: RunningFabric, region: string, order: Order): Promise<Reply> {
  const { operator } = cellOf(fabric, region)
  if (operator === undefined) throw new CommandError(`region ${region} has no operator API in this fabric`)
  return await ask(region, { url: `${operator}${order.path}`, ...order })
}

/**
 * The same of whichever region answers, in their order: some things may be asked anywhere.
 * @throws NoAnswerError when none does
 */
export async function askAnyOperator(
  fabric: RunningFabric,
  region: string | undefined,
  order: Order,
): Promise<{ region: string; reply: Reply }> {
  const regions = region === undefined ? fabric.regions.map((cell) => cell.region) : [region]
  for (const one of regions) {
    try {
      return { region: one, reply: await askOperator(fabric, one, order) }
    } catch (error) {
      if (!(error instanceof NoAnswerError)) throw error
    }
  }
  throw new NoAnswerError(regions.join(', '))
}

/** One request to the control plane. @throws NoAnswerError */
export async function askControlPlane(fabric: RunningFabric, order: Order): Promise<Reply> {
  return await ask('the control plane', { url: `${fabric.control_plane}${order.path}`, ...order })
}

/** Nobody answered: the region is down, or cut off. */
export class NoAnswerError extends CommandError {
  override name = 'NoAnswerError'
  constructor(place: string) {
    super(`${place} does not answer`, EXIT.failed)
  }
}

/** One request to the control plane, by an operator of a role of its own. @throws NoAnswerError */
export async function askControlPlaneAs(fabric: Pick<RunningFabric, 'control_plane'>, order: Order): Promise<Reply> {
  return await ask('the control plane', { url: `${fabric.control_plane}${order.path}`, ...order })
}

/** @throws CommandError with the refusal in one line, and exit code 1 */
export function orRefused(reply: Reply, doing: string): unknown {
  if (reply.ok) return reply.fields
  const { code, message, region } = reply.refusal
  // Every refusal names a region; only this one sends elsewhere.
  const elsewhere = code === 'held_elsewhere' && region !== undefined ? ` (ask region ${region})` : ''
  throw new CommandError(`${doing} was refused: ${code}: ${message}${elsewhere}`.replaceAll('\n', ' '), EXIT.failed)
}

/** The token of an operator's role that the fabric has made. @throws CommandError */
export function operatorToken(fabric: Pick<RunningFabric, 'operator_tokens'>, role: keyof OperatorTokens): string {
  const token = fabric.operator_tokens?.[role]
  if (token === undefined) throw new CommandError('this fabric has no operator tokens; start it again with npm start')
  return token
}

type OperatorTokens = NonNullable<RunningFabric['operator_tokens']>

const TIMEOUT_MS = 15_000
const faultsOfPolicy = z.array(
  z.object({ file: z.string(), line: z.int(), column: z.int(), path: z.string().default(''), message: z.string() }),
)
const refusalBody = z.object({
  error: z.object({ code: z.string(), message: z.string(), region: z.string().optional(), faults: faultsOfPolicy.optional() }),
})

async function ask(place: string, { body, timeoutMs = TIMEOUT_MS, ...order }: Order & { url: string }): Promise<Reply> {
  const answer = await send({ ...order, timeoutMs, ...(body !== undefined && { body: JSON.stringify(body) }) }).catch(() => {
    throw new NoAnswerError(place)
  })
  return replyOf(answer)
}

function replyOf({ status, text }: Answer): Reply {
  const fields = parsed(text)
  if (status >= 200 && status < 300) return { ok: true, status, fields }
  const refusal = refusalBody.safeParse(fields)
  return {
    ok: false,
    status,
    refusal: refusal.success ? refusal.data.error : { code: `HTTP ${status}`, message: 'without an error body' },
  }
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return {}
  }
}
