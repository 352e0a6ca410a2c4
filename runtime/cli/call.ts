import { decodeJwt } from 'jose'
import { CommandError, EXIT, type ExitCode } from './exit-codes.ts'
import { callGateway, type Entrance, findFabric, type RunningFabric } from './fabric-client.ts'

export interface CallOptions {
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
}

/** `aegis call`: one call of a demo agent. Prints status and body. @returns failed when there was no verdict */
export async function call(options: CallOptions, out: (line: string) => void): Promise<ExitCode> {
  const fabric = findFabric(options.stateDir)
  const token = fabric.demo_tokens[options.agent]
  if (token === undefined)
    throw new CommandError(
      `no token for agent ${options.agent}; this fabric has them for ${Object.keys(fabric.demo_tokens).sort().join(', ')}`,
    )
  const { path, body } = requestOf(options)
  const entrance = entranceOf(options, fabric, token)
  const answer = await callGateway(fabric, { entrance, path, token, body })
  out(`HTTP ${answer.status}`)
  out(pretty(answer.text))
  const judged = answer.status === 200 || answer.headers['aegis-decision'] !== undefined
  return judged ? EXIT.held : EXIT.failed
}

/** Path and body of a call at one of the two doors. The arguments stand in the body as given. */
export function requestOf({ action: name, json, toolDoor }: Pick<CallOptions, 'action' | 'json' | 'toolDoor'>): {
  path: string
  body: string
} {
  const dot = name.indexOf('.')
  const tool = name.slice(0, dot)
  const action = name.slice(dot + 1)
  if (dot < 1 || action === '') throw new CommandError(`${JSON.stringify(name)} is not a tool.action such as crm.read_contact`)
  if (toolDoor) return { path: `/v1/tools/${encodeURIComponent(tool)}/${encodeURIComponent(action)}`, body: json }
  return { path: '/v1/decisions', body: `{"tool":${JSON.stringify(tool)},"action":${JSON.stringify(action)},"arguments":${json}}` }
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
