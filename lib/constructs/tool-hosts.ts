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

/**
 * Every host that agents' calls may lead to by the documents: endpoints of the tool registry and the agents' egress lists. Sorted. A new
 * one reaches gateways with a deploy of the network, and a publish refuses it before.
 * @throws ConfigError when the documents cannot be read
 */
export function toolHosts(documentsDir: string): string[] {
  const folder = isAbsolute(documentsDir) ? documentsDir : join(REPOSITORY, documentsDir)
  const endpoints = Object.values(read(join(folder, 'tools.yaml'), tools)).flatMap((tool) => Object.values(tool.endpoints))
  const agents = join(folder, 'agents')
  const files = existsSync(agents) ? readdirSync(agents).filter((name) => /\.ya?ml$/.test(name)) : []
  const egress = files.flatMap((name) => read(join(agents, name), agent).egress.map(({ host }) => host))
  return [...new Set([...endpoints.map((url) => new URL(url).hostname), ...egress])].sort()
}

function read<T>(file: string, schema: z.ZodType<T>): T {
  try {
    return schema.parse(parse(readFileSync(file, 'utf8')) ?? {})
  } catch (error) {
    throw new ConfigError([`documentsDir: ${file} names no hosts that can be read: ${(error as Error).message.split('\n', 1)[0]}`])
  }
}
