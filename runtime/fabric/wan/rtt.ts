import { asPlanned } from '../../../config/deployed-zones.ts'
import { type Deployment, primaryOf } from '../../../config/schema.ts'

/**
 * Round-trip time between two places in milliseconds, symmetric. A place is an AWS region or, for its clients, a zone
 * of the deployment. Throws on a region whose coordinates are not in this file.
 */
export function rttMatrix(deployment: Deployment): (from: string, to: string) => number {
  const map = asPlanned(deployment)
  const cache = new Map<string, number>()
  return (from, to) => {
    const key = `${from} ${to}`
    const rtt = cache.get(key) ?? rttMs(from, to, map)
    cache.set(key, rtt)
    return rtt
  }
}

/** Inside one region, between availability zones. */
const LOCAL_MS = 1
/** From clients to the primary of their zone, and to its other regions: a last mile and some hundred kilometres. */
const CLIENT_PRIMARY_MS = 12
const CLIENT_ZONE_MS = 18
/** What the last mile adds to a distance between regions. */
const LAST_MILE_MS = 10

function rttMs(from: string, to: string, deployment: Deployment): number {
  if (from === to) return LOCAL_MS
  const [fromZone, toZone] = [from, to].map((place) => deployment.zones[place])
  if (fromZone !== undefined && toZone !== undefined)
    return betweenRegions(primaryOf(deployment, from), primaryOf(deployment, to)) + 2 * LAST_MILE_MS
  if (toZone !== undefined) return rttMs(to, from, deployment)
  if (fromZone === undefined) return betweenRegions(from, to)
  const primary = primaryOf(deployment, from)
  if (to === primary) return CLIENT_PRIMARY_MS
  if (fromZone.regions.includes(to)) return CLIENT_ZONE_MS
  return betweenRegions(primary, to) + LAST_MILE_MS
}

/** The pairs of the default deployment: round figures of the order that public latency tables show. Nothing here was measured by this project. */
const TYPICAL_MS: Record<string, number> = {
  'eu-central-1 eu-west-1': 25,
  'eu-west-1 us-east-1': 75,
  'eu-central-1 us-east-1': 90,
  'ap-southeast-1 eu-west-1': 175,
  'ap-southeast-1 eu-central-1': 160,
  'ap-southeast-1 us-east-1': 220,
}

/** Any other pair: light in fibre travels 200 km a millisecond, routes are about 1.4 times the great circle, equipment adds 5 ms. */
function betweenRegions(from: string, to: string): number {
  if (from === to) return LOCAL_MS
  const typical = TYPICAL_MS[[from, to].sort().join(' ')]
  return typical ?? Math.round(5 + ((2 * greatCircleKm(coordinates(from), coordinates(to))) / 200) * 1.4)
}

function coordinates(region: string): readonly [number, number] {
  const found = COORDINATES[region]
  if (found === undefined)
    throw new Error(`no coordinates for region ${region}; add its latitude and longitude to runtime/fabric/wan/rtt.ts`)
  return found
}

function greatCircleKm([lat1, lon1]: readonly [number, number], [lat2, lon2]: readonly [number, number]): number {
  const rad = (degrees: number) => (degrees * Math.PI) / 180
  const h = Math.sin(rad(lat2 - lat1) / 2) ** 2 + Math.cos(rad(lat1)) * Math.cos(rad(lat2)) * Math.sin(rad(lon2 - lon1) / 2) ** 2
  return 2 * 6371 * Math.asin(Math.sqrt(h))
}

/** Latitude and longitude of the city that each region is named after. */
const COORDINATES: Record<string, readonly [number, number]> = {
  'af-south-1': [-33.9, 18.4],
  'ap-east-1': [22.3, 114.2],
  'ap-east-2': [25.0, 121.5],
  'ap-northeast-1': [35.7, 139.7],
  'ap-northeast-2': [37.6, 127.0],
  'ap-northeast-3': [34.7, 135.5],
  'ap-south-1': [19.1, 72.9],
  'ap-south-2': [17.4, 78.5],
  'ap-southeast-1': [1.35, 103.8],
  'ap-southeast-2': [-33.9, 151.2],
  'ap-southeast-3': [-6.2, 106.8],
  'ap-southeast-4': [-37.8, 145.0],
  'ap-southeast-5': [3.1, 101.7],
  'ap-southeast-7': [13.8, 100.5],
  'ca-central-1': [45.5, -73.6],
  'ca-west-1': [51.0, -114.1],
  'eu-central-1': [50.1, 8.7],
  'eu-central-2': [47.4, 8.5],
  'eu-north-1': [59.3, 18.1],
  'eu-south-1': [45.5, 9.2],
  'eu-south-2': [41.6, -0.9],
  'eu-west-1': [53.3, -6.3],
  'eu-west-2': [51.5, -0.1],
  'eu-west-3': [48.9, 2.4],
  'il-central-1': [32.1, 34.8],
  'me-central-1': [25.2, 55.3],
  'me-south-1': [26.2, 50.6],
  'mx-central-1': [20.6, -100.4],
  'sa-east-1': [-23.5, -46.6],
  'us-east-1': [38.9, -77.4],
  'us-east-2': [40.0, -83.0],
  'us-west-1': [37.4, -121.9],
  'us-west-2': [45.8, -119.7],
}
