import { defaults } from '../../../config/defaults.ts'
import { addressRecordsOf } from '../records.ts'
import type { Rule } from '../rule.ts'

export const recordHasShortTtl: Rule = {
  id: 'RecordHasShortTtl',
  info: `A record may be kept by resolvers for longer than ${defaults.recordTtlMaxS} seconds.`,
  explanation: `Resolvers send callers to a lost region until the TTL is over, and CDK's default is half an hour. Every record that leads somewhere has a TTL of 1 to ${defaults.recordTtlMaxS} seconds; an alias has the TTL of its target.`,
  check(resource) {
    return addressRecordsOf(resource)
      .filter(({ alias, ttl }) => !alias && !(Number(ttl) >= 1 && Number(ttl) <= defaults.recordTtlMaxS))
      .map(({ name, ttl }) => `${name}::${ttl === '' ? 'default' : ttl}`)
  },
}
