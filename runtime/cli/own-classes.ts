import type { CustomClass } from '../dlp/custom-class.ts'
import { activeClasses } from '../policy/class-document.ts'
import { ownDocuments } from './declared.ts'

/** The data classes that the configured documents declare. @throws DocumentError when there is a fault in them */
export function ownClasses(): CustomClass[] {
  return activeClasses(ownDocuments().classes)
}
