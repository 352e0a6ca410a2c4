import type { ActivePolicy } from '../active-policy.ts'

/** Regions of a zone that can be heard and promoted: where the deployment has not come yet, there is nobody to wait for. */
export function cellsIn({ zones, absent }: Pick<ActivePolicy, 'zones' | 'absent'>, zone: string): string[] {
  const regions = Object.hasOwn(zones, zone) ? (zones[zone] ?? []) : []
  return regions.filter((region) => !absent.has(region))
}
