import { readFileSync } from 'node:fs'
import { z } from 'zod'
import { isProcessAlive } from '../fabric/process-alive.ts'
import { stateLayout } from '../fabric/supervisor/layout.ts'
import { CommandError, EXIT } from './exit-codes.ts'
import { type Answer, type Sent, send } from './http.ts'

const strings = z.record(z.string(), z.string())
const fabricSchema = z.object({
  control_plane: z.url(),
  dns: z.string(),
  profile: z.string(),
  names: strings,
  wan: strings,
  regions: z.array(z.object({ region: z.string(), zone: z.string(), gateway: z.url(), operator: z.url().optional() })),
  demo_tokens: strings,
  approver_tokens: z.record(z.string(), z.object({ approver: z.string(), second: z.string(), dpo: z.string() })).default({}),
  operator_tokens: z
    .object({ viewer: z.string(), author: z.string().optional(), publisher: z.string(), killer: z.string(), failover: z.string() })
    .optional(),
})
const supervisorSchema = z.object({ url: z.url(), token: z.string(), pid: z.int() })

/** A running fabric, as its files describe it. */
export type RunningFabric = z.output<typeof fabricSchema> & {
  /** Asks the supervisor's control API. @throws Error when it refuses */
  control(method: 'GET' | 'POST', path: string, body?: object): Promise<unknown>
}

/** None runs in this state folder, or not any more. */
export class NoFabricError extends CommandError {
  override name = 'NoFabricError'
  constructor(why: string) {
    super(`no fabric runs here: ${why}; start one with npm start`)
  }
}

/** @throws NoFabricError */
export function findFabric(stateDir: string): RunningFabric {
  const layout = stateLayout(stateDir)
  const file = fabricSchema.parse(readJson(layout.fabricFile))
  const { url, token, pid } = supervisorSchema.parse(readJson(layout.supervisorFile))
  // A supervisor that was killed had no chance to remove its files.
  if (!isProcessAlive(pid)) throw new NoFabricError(`the one of ${layout.fabricFile} has ended`)
  const control: RunningFabric['control'] = async (method, path, body) => {
    const answer = await sendToSupervisor({
      url: `${url}${path}`,
      method,
      token,
      ...(body !== undefined && { body: JSON.stringify(body) }),
      timeoutMs: CONTROL_TIMEOUT_MS,
    })
    if (answer.status !== 200) throw new Error(`the supervisor refused ${method} ${path}: ${answer.text}`)
    return JSON.parse(answer.text)
  }
  return { ...file, control }

  /** A process that was killed a moment ago still has its id, and no port any more. */
  async function sendToSupervisor(request: Sent): Promise<Answer> {
    try {
      return await send(request)
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ECONNREFUSED') throw error
      throw new NoFabricError(`the one of ${layout.fabricFile} has ended`)
    }
  }
}

// A restore waits for a gateway to be ready.
const CONTROL_TIMEOUT_MS = 90_000

function readJson(path: string): unknown {
  try {
    return JSON.parse(readFileSync(path, 'utf8'))
  } catch {
    throw new NoFabricError(`${path} cannot be read`)
  }
}

/** A token made now, of a session of its own. */
export async function freshToken(
  fabric: Pick<RunningFabric, 'control'>,
  order: { agent: string; issuer_region?: string | undefined; aud?: string | undefined },
): Promise<string> {
  return ((await fabric.control('POST', '/tokens', order)) as { token: string }).token
}

/** Where a call goes in: straight at a region's gateway, or by a public name, as a client at some place. */
export type Entrance = { region: string } | { via: string; from?: string | undefined }

export interface GatewayCall {
  entrance: Entrance
  path: string
  token: string
  /** Sent as it is. */
  body: string
  headers?: Readonly<Record<string, string>>
  method?: 'GET' | 'POST'
}

/** @throws CommandError when the fabric has no such region, name or place, or no answer comes */
export function callGateway(
  fabric: RunningFabric,
  { entrance, path, token, body, headers, method = 'POST' }: GatewayCall,
): Promise<Answer> {
  const common = { method, token, timeoutMs: CALL_TIMEOUT_MS, ...(method === 'POST' && { body }), ...(headers && { headers }) }
  if ('region' in entrance) return answered(entrance.region, send({ url: `${cellOf(fabric, entrance.region).gateway}${path}`, ...common }))
  const name = fabric.names[entrance.via]
  if (name === undefined) throw new CommandError(`no public name ${entrance.via}, there are ${Object.keys(fabric.names).join(', ')}`)
  // Whoever calls a zone's name is usually in the zone.
  const place = entrance.from ?? (fabric.wan[entrance.via] === undefined ? Object.keys(fabric.wan)[0] : entrance.via) ?? ''
  const proxy = fabric.wan[place]
  if (proxy === undefined) throw new CommandError(`no place ${place}, there are ${Object.keys(fabric.wan).join(', ')}`)
  return answered(`${name}, asked from ${place},`, send({ url: `${name}${path}`, proxy, ...common }))
}

/** Whoever reads it knows the place, and not its port. */
export async function answered(place: string, answer: Promise<Answer>): Promise<Answer> {
  try {
    return await answer
  } catch (error) {
    throw new CommandError(`${place} does not answer: ${(error as Error).message}`, EXIT.failed)
  }
}

/** @throws CommandError when no such region runs */
export function cellOf(fabric: Pick<RunningFabric, 'regions'>, region: string): RunningFabric['regions'][number] {
  const cell = fabric.regions.find((one) => one.region === region)
  if (cell === undefined)
    throw new CommandError(`no region ${region} runs here, there are ${fabric.regions.map((one) => one.region).join(', ')}`)
  return cell
}

const CALL_TIMEOUT_MS = 15_000
