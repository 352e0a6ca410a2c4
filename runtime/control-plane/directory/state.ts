import { z } from 'zod'
import { line } from '../../identity/order-text.ts'
import type { Tenant } from '../../model/zones.ts'
import { type AgentDocument, agentIds, minorUnits } from '../../policy/agent-document.ts'
import { clientFields } from '../../policy/clients.ts'
import type { Client } from '../../policy/directory.ts'
import type { BudgetAmount } from '../../policy/grants.ts'
import { tenantFields, tenantId, tenantOf } from '../../policy/tenants.ts'

// What the control plane keeps beside the documents in git. The schema is its shape in the ledger and in memory alike.

const sha256Hex = z.string().regex(/^[0-9a-f]{64}$/, 'must be a SHA-256 in 64 lower case hex digits')
/** Agents, bundle readers, zones and regions are named like tenants. */
export const plainName = tenantId
/** Ids of kill switches are made by the region that threw them. */
export const killId = z.string().regex(/^[\w.:#-]{1,128}$/, 'is not the id of a kill switch')
export const keyId = z.string().regex(/^[\x21-\x7e]{1,256}$/, 'is not the id of a key')

export const budgetFields = z.strictObject({ amount: minorUnits, reason: line(500) })
export const readerFields = z.strictObject({ zone: plainName, secret_sha256: sha256Hex })
export type ReaderFields = z.output<typeof readerFields>

export const directoryState = z.strictObject({
  tenants: z.record(plainName, tenantFields),
  /** By agent. `tenant` is the one of the agent's document when the client was put there. */
  clients: z.record(plainName, clientFields.safeExtend({ tenant: tenantId })),
  /** By agent: the amount that holds in place of the document's. `tenant` and `unit` are those of the document when it was put there. */
  budgets: z.record(plainName, budgetFields.extend({ tenant: tenantId, unit: z.string().min(1) })),
  /** Other OPAs that may fetch a zone's bundle, by a name of their own. */
  bundle_readers: z.record(plainName, readerFields),
  /** Ids of kill switches that no longer hold. Only ever grows. */
  lifted: z.array(killId),
  /** Token keys that are never listed again, by region. Only ever grows. */
  removed_keys: z.record(plainName, z.array(keyId)),
  /** SHA-256 of the texts that were imported last. */
  imported: z.strictObject({ tenants: sha256Hex.nullable(), clients: sha256Hex.nullable() }),
})
export type DirectoryState = z.output<typeof directoryState>

export function emptyDirectory(): DirectoryState {
  return {
    tenants: {},
    clients: {},
    budgets: {},
    bundle_readers: {},
    lifted: [],
    removed_keys: {},
    imported: { tenants: null, clients: null },
  }
}

export function tenantsOf({ tenants }: DirectoryState): Tenant[] {
  return Object.entries(tenants).map(([id, fields]) => tenantOf(id, fields))
}

/**
 * Who may get tokens, as directories list it. A client stands for the agent that it was made for: when no document names that agent any
 * more, or one of another tenant does, it is left out.
 */
export function clientsIn({ clients }: DirectoryState, agents: readonly AgentDocument[]): Client[] {
  const tenants = tenantByAgent(agents)
  return Object.entries(clients).flatMap(([agent, fields]) => (tenants.get(agent) === fields.tenant ? [{ agent, ...fields }] : []))
}

/** What `grantsFor` takes in place of the documents' amounts. */
export function amountsOf({ budgets }: DirectoryState): ReadonlyMap<string, BudgetAmount> {
  return new Map(Object.entries(budgets).map(([agent, { amount, tenant, unit }]) => [agent, { amount, tenant, unit }]))
}

export function tenantByAgent(agents: readonly AgentDocument[]): ReadonlyMap<string, string> {
  return new Map(agents.flatMap((document) => agentIds(document).map((id) => [id, document.tenant] as const)))
}
