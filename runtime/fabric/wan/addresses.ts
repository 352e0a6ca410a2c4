import { asPlanned } from '../../../config/deployed-zones.ts'
import { type Deployment, regionsOf } from '../../../config/schema.ts'

/** Somewhere on the map: a serving region, or the clients of a zone. */
export interface Place {
  /** The region, or for clients the zone: `eu-west-1`, `eu`. */
  id: string
  kind: 'region' | 'client'
  zone: string
  /** First three bytes of its /24, with the dot: `44.128.1.` */
  prefix: string
  subnet: { ip: string; prefixLength: number }
}

export interface AddressPlan {
  places: Place[]
  /** Address of a region's public load balancer. */
  loadBalancer(region: string): string
  /** Address of host `n` of a place: tools have 20 and up. Throws on a place that there is not. */
  host(place: string, n: number): string
  placeOf(address: string): string | undefined
}

const LOAD_BALANCER_HOST = 10
const CLIENT_BASE = 200

/**
 * Public addresses that only the fabric's WAN knows: 44.128.0.0/16, test range of amateur radio's AMPRNet, which is unicast
 * to every check of address ranges and reachable by nobody. Regions have 44.128.<n>.0/24 with n from 1 in the order of the
 * configuration, the clients of a zone 44.128.<200 + n>.0/24.
 */
export function addressPlan(deployment: Deployment): AddressPlan {
  const map = asPlanned(deployment)
  const regions = regionsOf(map).map(({ region, zone }, index) => place(region, 'region', zone, index + 1))
  const clients = Object.keys(map.zones).map((zone, index) => place(zone, 'client', zone, CLIENT_BASE + index + 1))
  const places = [...regions, ...clients]
  const host = (id: string, n: number) => {
    const found = places.find((candidate) => candidate.id === id)
    if (found === undefined) throw new Error(`no place ${id}; there are ${places.map((candidate) => candidate.id).join(', ')}`)
    return `${found.prefix}${n}`
  }
  return {
    places,
    host,
    loadBalancer: (region) => host(region, LOAD_BALANCER_HOST),
    placeOf: (address) => places.find(({ prefix }) => address.startsWith(prefix))?.id,
  }
}

function place(id: string, kind: Place['kind'], zone: string, third: number): Place {
  const prefix = `44.128.${third}.`
  return { id, kind, zone, prefix, subnet: { ip: `${prefix}0`, prefixLength: 24 } }
}
