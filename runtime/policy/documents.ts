import { existsSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { z } from 'zod'
import type { Tenant } from '../model/zones.ts'
import { type AgentDocument, agentDocument, agentIds } from './agent-document.ts'
import type { BundleData, BundledTool } from './bundle-data.ts'
import { checkAgent } from './check-agent.ts'
import { type BundledClass, checkClasses, classesDocument, compileClasses } from './class-document.ts'
import { checkClients, clientsDocument, clientsOf } from './clients.ts'
import { compileAgent } from './compile.ts'
import type { Client } from './directory.ts'
import { fileHash, goEncoding, sha256 } from './file-hashes.ts'
import { checkTools, compileTools, toolsDocument } from './registry.ts'
import { tenantFields, tenantId, tenantOf } from './tenants.ts'
import { type DocumentFault, type Path, readYaml, type YamlFile } from './yaml-file.ts'

/** The documents of a deployment, checked against each other. */
export interface Documents {
  tenants: readonly Tenant[]
  tools: Readonly<Record<string, BundledTool>>
  agents: readonly AgentDocument[]
  /** Data classes of the deployment's own, by name. */
  classes: Readonly<Record<string, BundledClass>>
  /** How agents get access tokens. Part of the directory, not of the revision: a new secret is no new policy. */
  clients: readonly Client[]
}

export class DocumentError extends Error {
  override name = 'DocumentError'
  readonly faults: readonly DocumentFault[]
  constructor(faults: readonly DocumentFault[]) {
    super(faults.map(describeFault).join('\n'))
    this.faults = faults
  }
}

/** One line, in the form that editors follow. */
export function describeFault({ file, line, column, path, message }: DocumentFault): string {
  return `${file}:${line}:${column}: ${path === '' ? '' : `${path}: `}${message}`
}

export const tenantsDocument = z.record(tenantId, tenantFields)

/**
 * Reads `tenants.yaml`, `tools.yaml`, `agents/*.yaml`, and where there are such files `classes.yaml` and `clients.yaml` of a folder.
 *
 * @throws DocumentError with every fault found, each with file, line and column
 */
export function loadDocuments(dir: string): Documents {
  const tenants = read(dir, 'tenants.yaml', tenantsDocument)
  const tools = read(dir, 'tools.yaml', toolsDocument)
  const classes = existsSync(join(dir, 'classes.yaml')) ? read(dir, 'classes.yaml', classesDocument) : undefined
  const agents = agentFiles(dir).map((name) => read(dir, name, agentDocument))
  const clients = existsSync(join(dir, 'clients.yaml')) ? read(dir, 'clients.yaml', clientsDocument) : undefined
  const faults = [tenants, tools, classes, clients, ...agents].flatMap((file) => file?.faults ?? [])
  const declared = new Set(Object.keys(classes?.value ?? {}))
  if (classes?.value !== undefined) checkClasses(classes.value, into(faults, classes))
  if (tools.value !== undefined) checkTools(tools.value, declared, into(faults, tools))
  // Beside a registry or tenants that are not readable, every agent would look wrong.
  if (faults.length > 0 || tools.value === undefined || tenants.value === undefined) throw new DocumentError(faults)
  const registry = compileTools(tools.value)
  const surroundings = { tenants: new Set(Object.keys(tenants.value)), registry, classes: declared }
  for (const file of agents) {
    if (file.value !== undefined) checkAgent(file.value, surroundings, into(faults, file))
  }
  faults.push(...repeatedAgents(agents))
  const agentDocuments = agents.flatMap(({ value }) => (value === undefined ? [] : [value]))
  if (clients?.value !== undefined) checkClients(clients.value, agentDocuments, into(faults, clients))
  if (faults.length > 0) throw new DocumentError(faults)
  return {
    tenants: Object.entries(tenants.value).map(([id, fields]) => tenantOf(id, fields)),
    tools: registry,
    agents: agentDocuments,
    classes: compileClasses(classes?.value ?? {}),
    clients: clientsOf(clients?.value ?? {}, agentDocuments),
  }
}

/** `data.json` of a zone's bundle: the whole registry, the agents of the zone's tenants and of those with binding none. */
export function bundleData({ tenants, tools, agents, classes }: Documents, zone: string): BundleData {
  const served = new Set(tenants.filter((tenant) => tenant.zone === zone || tenant.binding === 'none').map(({ id }) => id))
  const entries = agents
    .filter(({ tenant }) => served.has(tenant))
    .flatMap((document) => agentIds(document).map((id) => [id, compileAgent(document, tools)] as const))
  return { aegis: { agents: Object.fromEntries(entries), tools, classes } }
}

/** Names a set of module and documents, the same in every zone: the `policy_version` of verdicts. */
export function revisionOf(wasm: Uint8Array, { tenants, tools, agents, classes }: Documents): string {
  const documents = JSON.stringify({ tenants, tools, agents, classes })
  return sha256(`${fileHash('policy.wasm', wasm)} ${sha256(goEncoding(JSON.parse(documents)))}`).slice(0, 16)
}

function agentFiles(dir: string): string[] {
  const folder = join(dir, 'agents')
  const names = existsSync(folder) ? readdirSync(folder).filter((name) => /\.ya?ml$/.test(name)) : []
  return names.sort().map((name) => `agents/${name}`)
}

function read<T>(dir: string, name: string, schema: z.ZodType<T>): YamlFile<T> {
  try {
    return readYaml(join(dir, name), join(dir, name), schema)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error
    throw new DocumentError([{ file: join(dir, name), line: 1, column: 1, path: '', message: 'there is no such file' }])
  }
}

function into(faults: DocumentFault[], file: YamlFile<unknown>): (path: Path, message: string) => void {
  return (path, message) => faults.push(file.fault(path, message))
}

/** Two documents for one agent: which of them holds must not depend on the order of files. */
function repeatedAgents(files: readonly YamlFile<AgentDocument>[]): DocumentFault[] {
  const seen = new Set<string>()
  return files.flatMap(({ value, fault }) => {
    if (value === undefined) return []
    const repeated = agentIds(value).filter((id) => seen.has(id) || !seen.add(id))
    return repeated.map((id) => fault([value.agents === undefined ? 'agent' : 'agents'], `there is another document for agent ${id}`))
  })
}
