import { publicNames } from '../../../config/names.ts'
import type { Deployment } from '../../../config/schema.ts'
import type { OperatorTokens } from '../identity/operators.ts'
import type { Profile } from '../profile.ts'
import type { FabricPlan } from './plan.ts'

/** `.aegis/fabric.json`: what clients of a running fabric need. Wire shape; a key is there when the part behind it is. */
export interface FabricFile {
  control_plane: string
  /** `ip:port`, UDP and TCP. */
  dns: string
  profile: Profile
  /** Public names, plain HTTP on port 80 by way of a `wan` entry. */
  names: Record<string, string>
  /** Proxy of each place. */
  wan: Record<string, string>
  regions: { region: string; zone: string; gateway: string; operator: string }[]
  /** Each good for an hour, like those of the people. */
  demo_tokens: Record<string, string>
  approver_tokens: OperatorTokens['approver_tokens']
  operator_tokens: OperatorTokens['operator_tokens']
}

export function fabricFile(
  deployment: Deployment,
  { served, ports }: FabricPlan,
  profile: Profile,
  tokens: Pick<FabricFile, 'demo_tokens'> & OperatorTokens,
): FabricFile {
  const names = publicNames(deployment)
  const zones = Object.keys(deployment.zones)
  return {
    control_plane: loopback(ports.controlPlane),
    dns: `127.0.0.1:${ports.dns}`,
    profile,
    names: { global: `http://${names.global}`, ...Object.fromEntries(zones.map((zone) => [zone, `http://${names.zone(zone)}`])) },
    wan: Object.fromEntries(Object.entries(ports.wan).map(([place, port]) => [place, loopback(port)])),
    regions: served.map(({ region, zone }) => ({
      region,
      zone,
      gateway: loopback(ports.gateway[region]),
      operator: loopback(ports.operator[region]),
    })),
    ...tokens,
  }
}

/** `.aegis/supervisor.json`: how drills and the operator's commands reach the supervisor. Wire shape. */
export interface SupervisorFile {
  url: string
  /** Bearer token of the control API. */
  token: string
  pid: number
}

const loopback = (port: number | undefined) => `http://127.0.0.1:${port}`
