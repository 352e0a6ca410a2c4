import type { DirectoryChange, DirectoryContext } from '../../../runtime/control-plane/directory/change.ts'
import { changeDirectory } from '../../../runtime/control-plane/directory/change.ts'
import { type DirectoryState, emptyDirectory } from '../../../runtime/control-plane/directory/state.ts'
import { type AgentDocument, agentDocument } from '../../../runtime/policy/agent-document.ts'
import { tenantFields } from '../../../runtime/policy/tenants.ts'
import { testKey } from '../../support/policy.ts'

export const ZONES = { eu: ['eu-west-1', 'eu-central-1'], us: ['us-east-1'] }
export const SECRET = 'a'.repeat(64)
export const OTHER_SECRET = 'b'.repeat(64)

export const document = (agent: string, tenant: string, budget?: object): AgentDocument =>
  agentDocument.parse({ agent, tenant, allowed_tools: {}, ...(budget !== undefined && { budget }) })
export const euros = (amount: number) => ({ period: 'day', amount, currency: 'eur' })

export const context: DirectoryContext = {
  zones: ZONES,
  agents: [
    document('finance-agent', 'acme-eu', euros(1000)),
    document('support-agent', 'acme-eu'),
    document('ops-agent', 'globex-us', { period: 'day', calls: 50 }),
  ],
}

export const acme = tenantFields.parse({ zone: 'eu', home_region: 'eu-west-1', binding: 'zone' })
export const globex = tenantFields.parse({ zone: 'us', home_region: 'us-east-1', binding: 'zone' })

export const changed = (state: DirectoryState, ...changes: readonly DirectoryChange[]): DirectoryState =>
  changes.reduce((before, change) => changeDirectory(before, change, context), state)

/** Two tenants, each with a client, and a reader. */
export const filled = (): DirectoryState =>
  changed(
    emptyDirectory(),
    { kind: 'put_tenant', id: 'acme-eu', fields: acme },
    { kind: 'put_tenant', id: 'globex-us', fields: globex },
    { kind: 'put_client', id: 'finance-agent', fields: { secret_sha256: SECRET } },
    { kind: 'put_client', id: 'ops-agent', fields: { assertions: [workload('ops')] } },
    { kind: 'put_budget', id: 'finance-agent', fields: { amount: 400, reason: 'quarter end' } },
    { kind: 'put_bundle_reader', id: 'edge', fields: { zone: 'eu', secret_sha256: SECRET } },
    { kind: 'lift', kill_id: 'kill-1' },
    { kind: 'remove_key', region: 'us-east-1', kid: 'old' },
  )

const key = testKey('w1').jwk
export const workload = (sub: string) => ({ iss: 'https://issuer.example', sub, keys: [key] })
