import type { DataRule } from '../../agent-document.ts'
import type { AgentSubject, DocumentRule } from '../rule.ts'

/** An author who allows an export that is never asked about believes in a door that is a wall, or the other way round. */
export const exportNever: DocumentRule = {
  id: 'export-never',
  refuses:
    '`export` other than `deny` for a data class that is never exported: denied, rewritten away, no personal data, or of a tenant without zone',
  agent(subject, report) {
    for (const [name, rule] of Object.entries(subject.document.data)) {
      if (typeof rule === 'string' || rule.export === 'deny') continue
      const reason = whyNever(name, rule, subject)
      if (reason !== undefined) report(['data', name, 'export'], `${reason}, so export is never asked about; take it out`)
    }
  },
}

function whyNever(name: string, rule: Exclude<DataRule, string>, { document, tenants }: AgentSubject): string | undefined {
  const tenant = tenants.get(document.tenant)
  if (tenant?.binding === 'none') return `tenant ${document.tenant} is bound to no zone`
  if (name === 'ip_address') return 'an IP address may leave the zone anyway'
  if (rule.do === 'sanitize' && rule.method !== 'pseudonymize')
    return `${rule.method ?? 'redact'} leaves nothing of it that could leave the zone`
  // In shadow mode the deny is softened and the export is not, so there the two do not contradict each other.
  if (rule.do === 'deny' && document.mode === 'enforce' && tenant?.mode !== 'shadow') return 'do: deny refuses the call wherever it goes'
  return undefined
}
