import { isDeepStrictEqual } from 'node:util'
import { z } from 'zod'
import type { Stage } from '../../../config/stages.ts'
import { type AgentDocument, agentIds, budgetOf } from '../../policy/agent-document.ts'
import { checkWorkloads, clientFields } from '../../policy/clients.ts'
import { checkTenants, tenantFields, tenantOf } from '../../policy/tenants.ts'
import { stageFaultsOf } from '../staged-tenants.ts'
import { importedClients, importedTenants } from './imports.ts'
import { DirectoryRefusedError, NotInDirectoryError } from './refusals.ts'
import { budgetFields, type DirectoryState, keyId, killId, plainName, readerFields, tenantByAgent } from './state.ts'

const text = z.string().max(4 * 1024 * 1024)

/** One change of the directory, as it is ordered and as it stands in the audit. */
export const directoryChange = z.discriminatedUnion('kind', [
  z.strictObject({ kind: z.literal('put_tenant'), id: plainName, fields: tenantFields }),
  z.strictObject({ kind: z.literal('remove_tenant'), id: plainName }),
  z.strictObject({ kind: z.literal('put_client'), id: plainName, fields: clientFields }),
  z.strictObject({ kind: z.literal('remove_client'), id: plainName }),
  z.strictObject({ kind: z.literal('put_budget'), id: plainName, fields: budgetFields }),
  z.strictObject({ kind: z.literal('remove_budget'), id: plainName }),
  z.strictObject({ kind: z.literal('put_bundle_reader'), id: plainName, fields: readerFields }),
  z.strictObject({ kind: z.literal('remove_bundle_reader'), id: plainName }),
  z.strictObject({ kind: z.literal('lift'), kill_id: killId }),
  z.strictObject({ kind: z.literal('remove_key'), region: plainName, kid: keyId }),
  /** Texts of `tenants.yaml` and `clients.yaml`. A text is the whole list: what it does not name is gone. */
  z.strictObject({ kind: z.literal('import'), tenants: text.optional(), clients: text.optional() }),
])
export type DirectoryChange = z.output<typeof directoryChange>
type Order<K extends DirectoryChange['kind']> = Extract<DirectoryChange, { kind: K }>

/** What a change is checked against. */
export interface DirectoryContext {
  /** Regions by zone, of the deployment. */
  zones: Readonly<Record<string, readonly string[]>>
  /** Default: the last, at which nothing may be softened. */
  stage?: Stage
  /** The documents in force. */
  agents: readonly AgentDocument[]
}

/**
 * The directory after a change; the very same object when nothing changes by it. Only what the change is about is checked: what has become
 * stale since, as documents changed, must not keep anybody from changing something else.
 *
 * @throws DirectoryRefusedError with one line a fault
 * @throws NotInDirectoryError when there is nothing to remove
 */
export function changeDirectory(state: DirectoryState, change: DirectoryChange, context: DirectoryContext): DirectoryState {
  switch (change.kind) {
    case 'put_tenant':
      return putTenant(state, change, context)
    case 'remove_tenant':
      return removeTenant(state, change.id, context)
    case 'put_client':
      return putClient(state, change, context)
    case 'remove_client':
      return without(state, 'clients', change.id)
    case 'put_budget':
      return putBudget(state, change, context)
    case 'remove_budget':
      return without(state, 'budgets', change.id)
    case 'put_bundle_reader':
      return putReader(state, change, context)
    case 'remove_bundle_reader':
      return without(state, 'bundle_readers', change.id)
    case 'lift':
      return state.lifted.includes(change.kill_id) ? state : { ...state, lifted: [...state.lifted, change.kill_id] }
    case 'remove_key':
      return removeKey(state, change, context)
    case 'import':
      return importTexts(state, change, context)
  }
}

function putTenant(state: DirectoryState, { id, fields }: Order<'put_tenant'>, { zones, stage }: DirectoryContext): DirectoryState {
  const tenant = tenantOf(id, fields)
  refuseAny([...checkTenants([tenant], zones), ...stageFaultsOf([tenant], stage)])
  return withEntry(state, 'tenants', id, fields)
}

function removeTenant(state: DirectoryState, id: string, { agents }: DirectoryContext): DirectoryState {
  const after = without(state, 'tenants', id)
  refuseAny(homeless(after, agents, [id]))
  return after
}

/** Agents and what is kept for them name a tenant that is no longer there. */
function homeless({ tenants, clients, budgets }: DirectoryState, agents: readonly AgentDocument[], removed: readonly string[]): string[] {
  return removed.flatMap((tenant) => {
    if (Object.hasOwn(tenants, tenant)) return []
    const named = agents.filter((document) => document.tenant === tenant).flatMap(agentIds)
    const held = (entries: Readonly<Record<string, { tenant: string }>>) =>
      Object.keys(entries).filter((agent) => entries[agent]?.tenant === tenant && !named.includes(agent))
    return [
      ...(named.length > 0 ? [`${tenant}: documents in force name it, of ${listed(named)}; publish them without it first`] : []),
      ...(held(clients).length > 0 ? [`${tenant}: clients of it are still there (${listed(held(clients))}); remove them first`] : []),
      ...(held(budgets).length > 0 ? [`${tenant}: budgets of it are still there (${listed(held(budgets))}); remove them first`] : []),
    ]
  })
}

function putClient(state: DirectoryState, { id, fields }: Order<'put_client'>, { agents }: DirectoryContext): DirectoryState {
  const tenant = tenantOfAgent(state, id, agents)
  const faults: string[] = []
  const { [id]: _, ...others } = state.clients
  // Last, so that a workload that two of them name is its fault and not that of one that was there before.
  checkWorkloads({ ...others, [id]: fields }, ([agent, ...path], message) => {
    if (agent === id) faults.push(`${[id, ...path.map(String)].join('.')}: ${message}`)
  })
  refuseAny(faults)
  return withEntry(state, 'clients', id, { ...fields, tenant })
}

function putBudget(state: DirectoryState, { id, fields }: Order<'put_budget'>, { agents }: DirectoryContext): DirectoryState {
  const tenant = tenantOfAgent(state, id, agents)
  const document = agents.find((one) => agentIds(one).includes(id))
  const budget = document === undefined ? null : budgetOf(document)
  if (budget === null)
    throw new DirectoryRefusedError([`${id}: its document has no budget, so there is no amount to change; give the document one first`])
  return withEntry(state, 'budgets', id, { ...fields, tenant, unit: budget.unit })
}

/** @throws DirectoryRefusedError for an agent that no document names, or whose tenant is not there */
function tenantOfAgent({ tenants }: DirectoryState, agent: string, agents: readonly AgentDocument[]): string {
  const tenant = tenantByAgent(agents).get(agent)
  if (tenant === undefined)
    throw new DirectoryRefusedError([`${agent}: no document in force names this agent; publish one first, or look for a slip in the name`])
  if (!Object.hasOwn(tenants, tenant)) throw new DirectoryRefusedError([`${agent}: its tenant ${tenant} is not in the directory`])
  return tenant
}

function putReader(state: DirectoryState, { id, fields }: Order<'put_bundle_reader'>, { zones }: DirectoryContext): DirectoryState {
  const faults: string[] = []
  if (!Object.hasOwn(zones, fields.zone)) faults.push(`${id}: no zone ${fields.zone}, there are ${Object.keys(zones).join(', ')}`)
  const twin = Object.entries(state.bundle_readers).find(
    ([name, { secret_sha256 }]) => name !== id && secret_sha256 === fields.secret_sha256,
  )
  // By its secret alone a reader is known.
  if (twin !== undefined) faults.push(`${id}: ${twin[0]} has the same secret; give every reader one of its own`)
  refuseAny(faults)
  return withEntry(state, 'bundle_readers', id, fields)
}

/** That the region has ever had such a key is up to whoever knows its keys. */
function removeKey(state: DirectoryState, { region, kid }: Order<'remove_key'>, { zones }: DirectoryContext): DirectoryState {
  const regions = Object.values(zones).flat()
  if (!regions.includes(region)) throw new DirectoryRefusedError([`no region ${region}, there are ${regions.join(', ')}`])
  const removed = Object.hasOwn(state.removed_keys, region) ? (state.removed_keys[region] ?? []) : []
  return removed.includes(kid) ? state : { ...state, removed_keys: { ...state.removed_keys, [region]: [...removed, kid] } }
}

function importTexts(state: DirectoryState, texts: Order<'import'>, { zones, stage, agents }: DirectoryContext): DirectoryState {
  if (texts.tenants === undefined && texts.clients === undefined) throw new DirectoryRefusedError(['there is nothing to import'])
  let after = state
  if (texts.tenants !== undefined) {
    const { entries, sha256 } = importedTenants(texts.tenants, zones, stage)
    after = { ...after, tenants: entries, imported: { ...after.imported, tenants: sha256 } }
  }
  if (texts.clients !== undefined) {
    const { entries, sha256 } = importedClients(texts.clients, agents)
    after = { ...after, clients: entries, imported: { ...after.imported, clients: sha256 } }
  }
  const tenants = new Set(Object.keys(after.tenants))
  const strangers = Object.entries(after.clients).filter(([, { tenant }]) => !tenants.has(tenant) && !Object.hasOwn(state.tenants, tenant))
  refuseAny([
    ...homeless(after, agents, Object.keys(state.tenants)),
    ...strangers.map(([agent, { tenant }]) => `${agent}: its tenant ${tenant} is not in the directory`),
  ])
  return isDeepStrictEqual(after, state) ? state : after
}

type Part = 'tenants' | 'clients' | 'budgets' | 'bundle_readers'

function withEntry<P extends Part>(state: DirectoryState, part: P, id: string, entry: DirectoryState[P][string]): DirectoryState {
  const before = Object.hasOwn(state[part], id) ? state[part][id] : undefined
  return isDeepStrictEqual(before, entry) ? state : { ...state, [part]: { ...state[part], [id]: entry } }
}

function without(state: DirectoryState, part: Part, id: string): DirectoryState {
  if (!Object.hasOwn(state[part], id)) throw new NotInDirectoryError(`there is no ${WORDS[part]} ${id} in the directory`)
  const { [id]: _, ...others } = state[part]
  return { ...state, [part]: others }
}

const WORDS: Record<Part, string> = { tenants: 'tenant', clients: 'client', budgets: 'budget of', bundle_readers: 'bundle reader' }

function refuseAny(faults: readonly string[]): void {
  if (faults.length > 0) throw new DirectoryRefusedError(faults)
}

const LISTED_MAX = 5
const listed = (names: readonly string[]) =>
  names.length <= LISTED_MAX ? names.join(', ') : `${names.slice(0, LISTED_MAX).join(', ')} and ${names.length - LISTED_MAX} more`
