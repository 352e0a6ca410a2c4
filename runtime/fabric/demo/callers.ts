import type { Deployment } from '../../../config/schema.ts'
import { agentIds } from '../../policy/agent-document.ts'
import type { Documents } from '../../policy/documents.ts'
import type { DemoCaller } from './traffic.ts'

/** Agents of the background traffic: apart from those that people try out, so that these meet fresh budgets and chains. */
export const isScenery = (agent: string) => agent.startsWith('demo-')

/**
 * Every `demo-` agent of the documents, where its tenant's clients are: a bound one calls its zone's name from there, others call
 * the global name, each from another zone. @param wan local port of each place's proxy
 */
export function demoCallers(deployment: Deployment, documents: Documents, wan: Readonly<Record<string, number>>): DemoCaller[] {
  const zones = Object.keys(deployment.zones)
  return documents.agents.flatMap((document, index) => {
    const tenant = documents.tenants.find(({ id }) => id === document.tenant)
    if (tenant === undefined) return []
    const bound = tenant.binding !== 'none'
    const place = bound ? tenant.zone : (zones[index % zones.length] ?? '')
    const actions = Object.entries(document.allowed_tools).flatMap(([tool, rules]) =>
      Object.keys(rules).map((action) => `${tool}.${action}`),
    )
    const url = `http://${bound ? tenant.zone : 'global'}.${deployment.domain}`
    return agentIds(document)
      .filter(isScenery)
      .map((agent) => ({ agent, proxy: `http://127.0.0.1:${wan[place]}`, url, actions }))
  })
}
