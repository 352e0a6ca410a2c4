import type { AgentDocument } from '../../../runtime/policy/agent-document.ts'
import type { Documents } from '../../../runtime/policy/documents.ts'
import { documents } from '../../support/gateway.ts'

/** The demo's documents with one agent's changed. */
export function withAgent(agentId: string, change: (document: AgentDocument) => AgentDocument): Documents {
  return { ...documents, agents: documents.agents.map((document) => (document.agent === agentId ? change(document) : document)) }
}

/** The demo's documents with another limit of the finance agent's payments, in cents. */
export function limited(value: number, above: 'deny' | 'approval_needed' = 'deny'): Documents {
  return withAgent('finance-agent', (document) => {
    const { 'stripe-payments': payments = {}, ...tools } = document.allowed_tools
    const { create_payment: rule = { on_drift: 'deny' as const }, ...actions } = payments
    const create_payment = { ...rule, max_amount: { value, currency: 'eur', above } }
    return { ...document, allowed_tools: { ...tools, 'stripe-payments': { ...actions, create_payment } } }
  })
}
