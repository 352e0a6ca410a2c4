import { z } from 'zod'
import { agentDocument } from './agent-document.ts'
import { classesDocument } from './class-document.ts'
import { clientsDocument } from './clients.ts'
import { tenantsDocument } from './documents.ts'
import { toolsDocument } from './registry.ts'

/** JSON Schemas of what adopters write, for editors and other tools: by file name in `policies/schemas/`. */
export function documentSchemas(): Map<string, unknown> {
  const documents = {
    agent: agentDocument,
    classes: classesDocument,
    clients: clientsDocument,
    tenants: tenantsDocument,
    tools: toolsDocument,
  }
  return new Map(
    Object.entries(documents).map(([name, schema]) => {
      return [`${name}.schema.json`, z.toJSONSchema(schema, { io: 'input', target: 'draft-7' })] as const
    }),
  )
}
