import type { z } from 'zod'
import type { Stage } from '../../../config/stages.ts'
import type { AgentDocument } from '../../policy/agent-document.ts'
import { checkClients, clientsDocument } from '../../policy/clients.ts'
import { tenantsDocument } from '../../policy/documents.ts'
import { sha256 } from '../../policy/file-hashes.ts'
import { checkTenants, tenantOf } from '../../policy/tenants.ts'
import { type DocumentFault, describeFault, readYaml } from '../../policy/yaml-file.ts'
import { stageFaultsOf } from '../staged-tenants.ts'
import { DirectoryRefusedError } from './refusals.ts'
import { type DirectoryState, tenantByAgent } from './state.ts'

interface Imported<P extends 'tenants' | 'clients'> {
  entries: DirectoryState[P]
  /** Of the text. */
  sha256: string
}

/** @throws DirectoryRefusedError with one line a fault, each with file, line and column */
export function importedTenants(text: string, zones: Readonly<Record<string, readonly string[]>>, stage?: Stage): Imported<'tenants'> {
  const { value } = readable('tenants.yaml', text, tenantsDocument)
  const tenants = Object.entries(value).map(([id, fields]) => tenantOf(id, fields))
  const faults = [...checkTenants(tenants, zones), ...stageFaultsOf(tenants, stage)]
  if (faults.length > 0) throw new DirectoryRefusedError(faults.map((fault) => `tenants.yaml: ${fault}`))
  return { entries: value, sha256: sha256(text) }
}

/** The tenant of each client is its agent's. @throws DirectoryRefusedError with one line a fault, each with file, line and column */
export function importedClients(text: string, agents: readonly AgentDocument[]): Imported<'clients'> {
  const { value, fault } = readable('clients.yaml', text, clientsDocument)
  const faults: DocumentFault[] = []
  checkClients(value, agents, (path, message) => faults.push(fault(path, message)))
  if (faults.length > 0) throw new DirectoryRefusedError(faults.map(describeFault))
  const tenants = tenantByAgent(agents)
  const entries = Object.entries(value).map(([agent, fields]) => [agent, { ...fields, tenant: tenants.get(agent) ?? '' }] as const)
  return { entries: Object.fromEntries(entries), sha256: sha256(text) }
}

function readable<T>(name: string, text: string, schema: z.ZodType<T>) {
  const { value, faults, fault } = readYaml(text, name, schema)
  if (value === undefined) throw new DirectoryRefusedError(faults.map(describeFault))
  return { value, fault }
}
