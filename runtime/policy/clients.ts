import { z } from 'zod'
import { type AgentDocument, agentIds } from './agent-document.ts'
import type { Client } from './directory.ts'
import { publicJwk } from './trust.ts'
import type { Path } from './yaml-file.ts'

const assertion = z.strictObject({
  iss: z.string().min(1).max(256).meta({ description: 'who issues the assertions: their iss' }),
  sub: z.string().min(1).max(256).meta({ description: 'the workload that they are about: their sub' }),
  keys: z.array(publicJwk).min(1).max(16).meta({ description: 'public keys that they are signed with, as JWK on P-256' }),
})

/** How one agent shows who it is, as `clients.yaml` and the control plane's API write it. */
export const clientFields = z
  .strictObject({
    secret_sha256: z
      .string()
      .regex(/^[0-9a-f]{64}$/, 'must be a SHA-256 in 64 lower case hex digits')
      .optional()
      .meta({ description: 'SHA-256 of the client secret, which must be random: 256 bits that no person chose' }),
    assertions: z
      .array(assertion)
      .min(1)
      .max(16)
      .optional()
      .meta({ description: 'workloads that are this agent, by their signed word (RFC 7523)' }),
  })
  .refine(({ secret_sha256, assertions }) => secret_sha256 !== undefined || assertions !== undefined, {
    message: 'needs secret_sha256, assertions, or both',
  })

/** Optional file `clients.yaml`: by agent, how it shows who it is when it asks for an access token. */
export const clientsDocument = z.record(z.string().min(1), clientFields)
export type ClientsDocument = z.output<typeof clientsDocument>

type Report = (path: Path, message: string) => void

/** Faults that only show beside the agents: a client that is nobody, or a workload that is two. */
export function checkClients(document: ClientsDocument, agents: readonly AgentDocument[], report: Report): void {
  const known = new Set(agents.flatMap(agentIds))
  for (const agent of Object.keys(document)) if (!known.has(agent)) report([agent], `there is no agent ${agent} in agents/`)
  checkWorkloads(document, report)
}

/** One workload is one agent: a token for another would be a matter of which is found first. */
export function checkWorkloads(document: ClientsDocument, report: Report): void {
  const workloads = new Set<string>()
  for (const [agent, { assertions = [] }] of Object.entries(document)) {
    assertions.forEach(({ iss, sub, keys }, index) => {
      const path = [agent, 'assertions', index]
      const workload = JSON.stringify([iss, sub])
      if (workloads.has(workload)) report(path, 'the same iss and sub stand for another agent, or twice')
      workloads.add(workload)
      if (new Set(keys.map(({ kid }) => kid)).size < keys.length) report([...path, 'keys'], 'two keys have one kid')
    })
  }
}

/** Of a document without faults. */
export function clientsOf(document: ClientsDocument, agents: readonly AgentDocument[]): Client[] {
  const tenantOf = new Map(agents.flatMap((agent) => agentIds(agent).map((id) => [id, agent.tenant] as const)))
  return Object.entries(document).map(([agent, fields]) => ({ agent, tenant: tenantOf.get(agent) ?? '', ...fields }))
}
