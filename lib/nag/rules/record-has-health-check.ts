import { addressRecordsOf } from '../records.ts'
import type { Rule } from '../rule.ts'

export const recordHasHealthCheck: Rule = {
  id: 'RecordHasHealthCheck',
  info: 'A zone or the global name keeps an answer that nobody probes.',
  explanation:
    'Route 53 takes an answer without a health check for healthy, so a lost region would be answered for ever. Every record of a zone and of the global name has a health check; an alias may evaluate its target instead.',
  check(resource, { zones, domain, globalName }) {
    const names = [globalName, ...[...zones.keys()].map((zone) => `${zone}.${domain}`)]
    return addressRecordsOf(resource)
      .filter(({ name }) => names.includes(name))
      .filter(({ alias, healthCheck, evaluatesTarget }) => !healthCheck && !(alias && evaluatesTarget))
      .map(({ name, answers }) => `${name}::${answers.join(',')}`)
  },
}
