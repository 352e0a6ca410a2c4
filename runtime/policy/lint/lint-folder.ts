import { join } from 'node:path'
import { readDocumentFiles } from '../document-files.ts'
import { DocumentError, type Documents, loadDocuments, textsIn } from '../documents.ts'
import { checkTenants } from '../tenants.ts'
import type { DocumentFault } from '../yaml-file.ts'
import { lintDocuments } from './lint-documents.ts'

/** `documents`: undefined when they have faults of shape, beside which no rule can be asked. */
export interface FolderLint {
  documents: Documents | undefined
  faults: readonly DocumentFault[]
}

/**
 * What is wrong in a folder of documents, tenants and clients among them, as far as no control plane is needed to say so: what it has deployed or
 * keeps in its directory is compared when the policy is published.
 *
 * @param zones regions by zone, of the deployment
 */
export function lintFolder(dir: string, zones: Readonly<Record<string, readonly string[]>>): FolderLint {
  try {
    const documents = loadDocuments(dir)
    const file = join(dir, 'tenants.yaml')
    const tenants = checkTenants(documents.tenants, zones).map((message) => ({ file, line: 1, column: 1, path: '', message }))
    const rules = lintDocuments(readDocumentFiles(textsIn(dir)), documents, { zones, deployedHosts: undefined })
    return { documents, faults: [...tenants, ...rules] }
  } catch (error) {
    if (error instanceof DocumentError) return { documents: undefined, faults: error.faults }
    throw error
  }
}
