import type { DocumentFiles } from '../document-files.ts'
import type { Documents } from '../documents.ts'
import type { DocumentFault, YamlFile } from '../yaml-file.ts'
import { DOCUMENT_RULES } from './document-rules.ts'
import type { DocumentRule, LintSubject, Report } from './rule.ts'

/**
 * Asks every rule about checked documents.
 *
 * @param files what the documents were read from: they know where each value stands
 * @returns faults in the order of files and lines; none when all is well
 */
export function lintDocuments(
  files: DocumentFiles,
  { tools: registry, agents: documents, tenants }: Documents,
  { zones, deployedHosts }: Pick<LintSubject, 'zones' | 'deployedHosts'>,
  rules: readonly DocumentRule[] = DOCUMENT_RULES,
): DocumentFault[] {
  const subject = { registry, documents, tenants: new Map(tenants.map((tenant) => [tenant.id, tenant])), zones, deployedHosts }
  const faults: DocumentFault[] = []
  for (const rule of rules) {
    rule.tools?.(subject, reporter(faults, files.tools, rule))
    for (const file of files.agents) {
      if (file.value !== undefined) rule.agent?.({ ...subject, document: file.value }, reporter(faults, file, rule))
    }
  }
  return faults.sort((a, b) => compare(a.file, b.file) || a.line - b.line || a.column - b.column || compare(a.message, b.message))
}

function reporter(faults: DocumentFault[], file: YamlFile<unknown>, { id }: DocumentRule): Report {
  return (path, message) => faults.push(file.fault(path, `${message} [${id}]`))
}

const compare = (a: string, b: string) => (a < b ? -1 : a > b ? 1 : 0)
