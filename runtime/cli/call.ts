import { decodeJwt } from 'jose'
import { CommandError, EXIT, type ExitCode } from './exit-codes.ts'
import { callGateway, type Entrance, findFabric, freshToken, type RunningFabric } from './fabric-client.ts'
import { collectOverride, regionOfApproval } from './override.ts'

/** What goes with a call beside its arguments. */
export interface Accompaniment {
  /** An override token. */
  approval?: string | undefined
  /** A chain id from an earlier verdict. */
  chain?: string | undefined
  /** Idempotency key. */
  key?: string | undefined
}

export interface CallOptions extends Accompaniment {
  stateDir: string
  agent: string
  /** `tool.action` */
  action: string
  /** The arguments as JSON text. Sent as it is, so that a gateway can be shown what no JSON library would write. */
  json: string
  region?: string | undefined
  via?: string | undefined
  from?: string | undefined
  /** Through the tool proxy, which executes, instead of asking for a decision. */
  toolDoor?: boolean | undefined
  /** With a token of a session of its own: nothing that the agent did before is in its chain. */
  newSession?: boolean | undefined
  /** An override token, or the id of an approval, whose token is collected first. */
  approval?: string | undefined
}

/** `aegis call`: one call of a demo agent. Prints status and body. @returns failed when there was no verdict */
export async function call(options: CallOptions, out: (line: string) => void): Promise<ExitCode> {
  const fabric = findFabric(options.stateDir)
  const token = await tokenOf(fabric, options)
  const entrance = entranceOf(options, fabric, token)
  const approval = await overrideOf(options, fabric, token)
  const answer = await callGateway(fabric, { entrance, token, ...requestOf({ ...options, approval }) })
  out(`HTTP ${answer.status}`)
  out(pretty(answer.text))
  const judged = answer.status === 200 || answer.headers['aegis-decision'] !== undefined
  return judged ? EXIT.held : EXIT.failed
}

type Request = { path: string; body: string; headers?: Record<string, string> }

/** Path, body and headers of a call at one of the two doors. The arguments stand in the body as given. */
export function requestOf({
  action: name,
  json,
  toolDoor,
  approval,
  chain,
  key,
}: Pick<CallOptions, 'action' | 'json' | 'toolDoor'> & Accompaniment): Request {
  const dot = name.indexOf('.')
  const tool = name.slice(0, dot)
  const action = name.slice(dot + 1)
  if (dot < 1 || action === '') throw new CommandError(`${JSON.stringify(name)} is not a tool.action such as crm.read_contact`)
  if (toolDoor) {
    const headers = given({ 'aegis-approval': approval, 'aegis-chain': chain, 'aegis-idempotency-key': key })
    return { path: `/v1/tools/${encodeURIComponent(tool)}/${encodeURIComponent(action)}`, body: json, headers }
  }
  const more = Object.entries(given({ approval, chain, idempotency_key: key })).map(
    ([field, value]) => `,"${field}":${JSON.stringify(value)}`,
  )
  const body = `{"tool":${JSON.stringify(tool)},"action":${JSON.stringify(action)},"arguments":${json}${more.join('')}}`
  return { path: '/v1/decisions', body }
}

const given = (fields: Record<string, string | undefined>) =>
  Object.fromEntries(Object.entries(fields).flatMap(([name, value]) => (value === undefined ? [] : [[name, value]])))

async function tokenOf(fabric: RunningFabric, { agent, newSession }: CallOptions): Promise<string> {
  const token = fabric.demo_tokens[agent]
  if (token === undefined)
    throw new CommandError(`no token for agent ${agent}; this fabric has them for ${Object.keys(fabric.demo_tokens).sort().join(', ')}`)
  return newSession === true ? await freshToken(fabric, { agent }) : token
}

async function overrideOf({ approval }: CallOptions, fabric: RunningFabric, token: string): Promise<string | undefined> {
  if (approval === undefined || !approval.startsWith('apr.')) return approval
  return await collectOverride(fabric, { id: approval, region: regionOfApproval(approval), token })
}

function entranceOf({ region, via, from }: CallOptions, fabric: RunningFabric, token: string): Entrance {
  if (region !== undefined && via !== undefined) throw new CommandError('--region and --via: give one of them')
  if (region !== undefined) {
    if (from !== undefined) throw new CommandError('--from is for calls by name: give it with --via')
    return { region }
  }
  // By default the way that the agent itself would take: the name of its token's zone.
  const zone = via ?? String(decodeJwt(token).zone)
  return { via: fabric.names[zone] === undefined && via === undefined ? 'global' : zone, from }
}

function pretty(text: string): string {
  try {
    return JSON.stringify(JSON.parse(text), null, 2)
  } catch {
    return text
  }
}
