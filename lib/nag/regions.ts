import type { Place } from './resource.ts'

/** Names of AWS regions, also inside a longer name (`aegis-prod-eu-west-1-audit`), a host or the name of an availability zone. */
const REGION =
  /(?<![a-z0-9])(?:us|eu|ap|ca|sa|af|me|il|mx|cn|eusc)(?:-gov|-iso[a-z]?|-de)?-(?:central|east|west|(?:north|south)(?:east|west)?)-\d(?!\d)/g

/** Every region that a text names, each once. */
export function regionsIn(text: string): string[] {
  return [...new Set(text.match(REGION))]
}

/** Regions that a text names beside the one where it stands. */
export function foreignRegions(text: string, { region: own }: Place): string[] {
  return regionsIn(text).filter((region) => region !== own)
}
