import type { BundledTool } from '../../policy/bundle-data.ts'

/** A server that tools or partners of the documents answer at, on this machine's map. */
export interface Site {
  host: string
  /** Port that the world dials, in its URL. */
  port: number
  /** Region whose network it stands in. */
  region: string
  /** Tool of the registry; absent for a host that agents only reach by URL. */
  tool?: string
}

export interface SiteSources {
  tools: Readonly<Record<string, BundledTool>>
  /** Hosts of the agents' egress lists, with the zone they say. */
  egress: readonly { host: string; zone?: string | undefined }[]
  /** Regions by zone, of the whole deployment. */
  zones: Readonly<Record<string, readonly string[]>>
  /** Where a host outside every zone stands. */
  elsewhere: string
}

/**
 * Every server that the documents name: one a tool endpoint in that endpoint's region, one a host of an egress list in
 * the first region of its zone. A host named twice is one server.
 */
export function sitesOf({ tools, egress, zones, elsewhere }: SiteSources): Site[] {
  const sites = new Map<string, Site>()
  for (const [tool, { endpoints }] of Object.entries(tools)) {
    for (const [region, endpoint] of Object.entries(endpoints)) {
      const { hostname: host, port } = new URL(endpoint)
      const key = `${host}:${port}`
      if (!sites.has(key)) sites.set(key, { host, port: Number(port || HTTPS_PORT), region, tool })
    }
  }
  for (const { host, zone } of egress) {
    const key = `${host}:`
    const region = (zone === undefined ? undefined : zones[zone]?.[0]) ?? elsewhere
    if (!sites.has(key)) sites.set(key, { host, port: HTTPS_PORT, region })
  }
  return [...sites.values()]
}

const HTTPS_PORT = 443
