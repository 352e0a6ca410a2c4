import { isAbsolute, join } from 'node:path'
import { deployment as input } from '../../config/deployment.ts'
import { resolveDeployment } from '../../config/resolve.ts'
import type { CustomClass } from '../dlp/custom-class.ts'
import { activeClasses } from '../policy/class-document.ts'
import { loadDocuments } from '../policy/documents.ts'

const REPOSITORY = join(import.meta.dirname, '../..')

/** The data classes that the configured documents declare. @throws DocumentError when there is a fault in them */
export function ownClasses(): CustomClass[] {
  const { documentsDir } = resolveDeployment(input)
  return activeClasses(loadDocuments(isAbsolute(documentsDir) ? documentsDir : join(REPOSITORY, documentsDir)).classes)
}
