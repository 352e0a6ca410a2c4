import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { isAbsolute, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parse } from 'yaml'
import { z } from 'zod'
import { ConfigError } from '../../config/resolve.ts'

const REPOSITORY = fileURLToPath(new URL('../..', import.meta.url))

/** Of the documents only what names a host; everything else in them is checked when they are published. */
const tools = z.record(z.string(), z.looseObject({ endpoints: z.record(z.string(), z.url()).default({}) }))
const agent = z.looseObject({ egress: z.array(z.looseObject({ host: z.string() })).default([]) })

export interface HostsOf {
  region: string
  /** Regions of the region's zone, itself included. */
  zone: readonly string[]
}

/**
 * Hosts that calls of a region may lead to by the documents: of every tool the endpoint that its gateways choose, and the agents' egress lists.
 * Sorted. A new one reaches gateways with a deploy of the network, and a publish refuses it before.
 * @throws ConfigError when the documents cannot be read
 */
export function toolHosts(documentsDir: string, of: HostsOf): string[] {
  const folder = isAbsolute(documentsDir) ? documentsDir : join(REPOSITORY, documentsDir)
  const endpoints = Object.values(read(join(folder, 'tools.yaml'), tools)).flatMap((tool) => chosen(tool.endpoints, of))
  const agents = join(folder, 'agents')
  const files = existsSync(agents) ? readdirSync(agents).filter((name) => /\.ya?ml$/.test(name)) : []
  const egress = files.flatMap((name) => read(join(agents, name), agent).egress.map(({ host }) => host))
  return [...new Set([...endpoints.map((url) => new URL(url).hostname), ...egress])].sort()
}

/** As gateways choose: the region's own endpoint, else those of its zone, else a foreign one, which is an export that policy and guard judge. */
function chosen(endpoints: Readonly<Record<string, string>>, { region, zone }: HostsOf): string[] {
  const own = endpoints[region]
  if (own !== undefined) return [own]
  const near = zone.flatMap((other) => endpoints[other] ?? [])
  return near.length > 0 ? near : Object.values(endpoints)
}

function read<T>(file: string, schema: z.ZodType<T>): T {
  try {
    return schema.parse(parse(readFileSync(file, 'utf8')) ?? {})
  } catch (error) {
    const why = error instanceof z.ZodError ? z.prettifyError(error).replaceAll('\n', ' ') : (error as Error).message.split('\n', 1)[0]
    throw new ConfigError([`documentsDir: ${file} names no hosts that can be read: ${why}`])
  }
}
