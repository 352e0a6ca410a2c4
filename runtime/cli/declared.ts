import { isAbsolute, join } from 'node:path'
import { deployment as input } from '../../config/deployment.ts'
import { resolveDeployment } from '../../config/resolve.ts'
import { regionsOf } from '../../config/schema.ts'
import { agentIds } from '../policy/agent-document.ts'
import { type Documents, loadDocuments } from '../policy/documents.ts'
import type { KillScopeType } from './operator-words.ts'

const REPOSITORY = join(import.meta.dirname, '../..')

/** The configured documents. @throws DocumentError when there is a fault in them */
export function ownDocuments(): Documents {
  const { documentsDir } = resolveDeployment(input)
  return loadDocuments(isAbsolute(documentsDir) ? documentsDir : join(REPOSITORY, documentsDir))
}

/** Whether configuration or documents name it. @returns undefined for what neither could name, and while the documents have a fault */
export function isDeclared(type: KillScopeType, id: string): boolean | undefined {
  if (type === 'region') return regionsOf(resolveDeployment(input)).some(({ region }) => region === id)
  if (type === 'key' || type === 'token') return undefined
  const documents = readable()
  if (documents === undefined) return undefined
  if (type === 'tool') return Object.hasOwn(documents.tools, id)
  if (type === 'tenant') return documents.tenants.some((tenant) => tenant.id === id)
  return documents.agents.some((document) => agentIds(document).includes(id))
}

function readable(): Documents | undefined {
  try {
    return ownDocuments()
  } catch {
    return undefined
  }
}
