import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { z } from 'zod'
import type { Tenant } from '../model/zones.ts'
import { type AgentDocument, agentIds } from './agent-document.ts'
import type { BundleData, BundledTool } from './bundle-data.ts'
import { type BundledClass, compileClasses } from './class-document.ts'
import { checkClients, clientsDocument, clientsOf } from './clients.ts'
import { compileAgent } from './compile.ts'
import type { Client } from './directory.ts'
import {
  type DocumentFiles,
  type DocumentTexts,
  faultsOfAgents,
  faultsOfShape,
  into,
  type NamedText,
  readDocumentFiles,
  textsFrom,
} from './document-files.ts'
import { fileHash, goEncoding, sha256 } from './file-hashes.ts'
import { compileTools } from './registry.ts'
import type { Sources } from './sources.ts'
import { tenantFields, tenantId, tenantOf } from './tenants.ts'
import { type DocumentFault, describeFault, readYaml, type YamlFile } from './yaml-file.ts'

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

export const tenantsDocument = z.record(tenantId, tenantFields)

/** What documents are read beside, and what is no part of a revision: the control plane's directory keeps it. */
export interface People {
  tenants: readonly Tenant[]
  clients: readonly Client[]
}

/**
 * Reads the documents of a revision.
 *
 * @throws DocumentError with every fault found, each with file, line and column
 */
export function documentsFrom(sources: Sources, people: People): Documents {
  return checkedDocuments(readDocumentFiles(textsFrom(sources)), people)
}

/** @throws DocumentError */
export function checkedDocuments(files: DocumentFiles, { tenants, clients }: People): Documents {
  refuse(faultsOfShape(files))
  refuse(faultsOfAgents(files, { ids: new Set(tenants.map(({ id }) => id)), declaredIn: 'the directory of the control plane' }))
  return { tenants, clients, ...compiled(files) }
}

/**
 * Reads `tenants.yaml`, `tools.yaml`, `agents/*.yaml`, and where there are such files `classes.yaml` and `clients.yaml` of a folder.
 *
 * @throws DocumentError with every fault found, each with file, line and column
 */
export function loadDocuments(dir: string): Documents {
  const tenants = readIn(dir, 'tenants.yaml', tenantsDocument)
  const clients = existsSync(join(dir, 'clients.yaml')) ? readIn(dir, 'clients.yaml', clientsDocument) : undefined
  const files = readDocumentFiles(textsIn(dir))
  refuse([...tenants.faults, ...faultsOfShape(files), ...(clients?.faults ?? [])])
  const { agents, ...rest } = compiled(files)
  const faults = faultsOfAgents(files, { ids: new Set(Object.keys(tenants.value ?? {})), declaredIn: 'tenants.yaml' })
  if (clients?.value !== undefined) checkClients(clients.value, agents, into(faults, clients))
  refuse(faults)
  return {
    tenants: Object.entries(tenants.value ?? {}).map(([id, fields]) => tenantOf(id, fields)),
    agents,
    ...rest,
    clients: clientsOf(clients?.value ?? {}, agents),
  }
}

function compiled({ tools, classes, agents }: DocumentFiles): Pick<Documents, 'tools' | 'classes' | 'agents'> {
  return {
    tools: compileTools(tools.value ?? {}),
    agents: agents.flatMap(({ value }) => (value === undefined ? [] : [value])),
    classes: compileClasses(classes?.value ?? {}),
  }
}

function refuse(faults: readonly DocumentFault[]): void {
  if (faults.length > 0) throw new DocumentError(faults)
}

/** `data.json` of a zone's bundle: the whole registry, the agents of the zone's tenants and of those with binding none. */
export function bundleData({ tenants, tools, agents, classes }: Documents, zone: string): BundleData {
  const served = new Set(tenants.filter((tenant) => tenant.zone === zone || tenant.binding === 'none').map(({ id }) => id))
  const entries = agents
    .filter(({ tenant }) => served.has(tenant))
    .flatMap((document) => agentIds(document).map((id) => [id, compileAgent(document, tools)] as const))
  return { aegis: { agents: Object.fromEntries(entries), tools, classes } }
}

/**
 * Names a set of module and documents, the same in every zone: the `policy_version` of verdicts. Tenants are no part of it, and
 * neither are the names of files.
 */
export function revisionOf(wasm: Uint8Array, { tools, agents, classes }: Pick<Documents, 'tools' | 'agents' | 'classes'>): string {
  const sorted = agents.toSorted((a, b) => ((agentIds(a)[0] ?? '') < (agentIds(b)[0] ?? '') ? -1 : 1))
  const documents = JSON.stringify({ tools, agents: sorted, classes })
  return sha256(`${fileHash('policy.wasm', wasm)} ${sha256(goEncoding(JSON.parse(documents)))}`).slice(0, 16)
}

/** The YAML of a folder, by the paths of its files. @throws DocumentError where `tools.yaml` is not there */
export function textsIn(dir: string): DocumentTexts {
  const folder = join(dir, 'agents')
  const agents = existsSync(folder) ? readdirSync(folder).filter((name) => /\.ya?ml$/.test(name)) : []
  return {
    tools: textIn(dir, 'tools.yaml'),
    classes: existsSync(join(dir, 'classes.yaml')) ? textIn(dir, 'classes.yaml') : undefined,
    agents: agents.sort().map((name) => textIn(dir, `agents/${name}`)),
  }
}

function readIn<T>(dir: string, name: string, schema: z.ZodType<T>): YamlFile<T> {
  const { text, name: file } = textIn(dir, name)
  return readYaml(text, file, schema)
}

function textIn(dir: string, name: string): NamedText {
  const file = join(dir, name)
  try {
    return { name: file, text: readFileSync(file, 'utf8') }
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error
    throw new DocumentError([{ file, line: 1, column: 1, path: '', message: 'there is no such file' }])
  }
}
