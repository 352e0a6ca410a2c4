import { at, isList, type JsonObject, objects, type Resource, textOf } from './resource.ts'

/** A record of Route 53. Names and answers are in lower case, without the last dot. */
export interface DnsRecord {
  readonly name: string
  readonly answers: readonly string[]
  readonly alias: boolean
  /** Empty: not a latency record. */
  readonly latencyRegion: string
  /** In seconds; empty: what AWS or CDK takes. Aliases have none. */
  readonly ttl: string
  readonly healthCheck: boolean
  /** Whether an alias is as healthy as what it leads to. */
  readonly evaluatesTarget: boolean
}

/** Types that lead nobody anywhere. All others do, NS above all: it hands the name to somebody else's servers. */
const HARMLESS = ['TXT', 'CAA', 'MX', 'DS', 'SOA', 'SPF']

/** The records of a resource that lead somewhere, whether it is one record or a group. */
export function addressRecordsOf(resource: Resource): DnsRecord[] {
  const { type, properties } = resource
  const records =
    type === 'AWS::Route53::RecordSet' ? [properties] : type === 'AWS::Route53::RecordSetGroup' ? objects(properties.RecordSets) : []
  return records.filter((record) => !HARMLESS.includes(textOf(record.Type, resource))).map((record) => read(record, resource))
}

function read(record: JsonObject, resource: Resource): DnsRecord {
  const { AliasTarget: target, ResourceRecords: values } = record
  const answers = target === undefined ? (isList(values) ? values : [values]) : [at(target, 'DNSName')]
  return {
    name: host(textOf(record.Name, resource)),
    answers: answers.map((answer) => host(textOf(answer, resource))),
    alias: target !== undefined,
    latencyRegion: textOf(record.Region, resource),
    ttl: textOf(record.TTL, resource),
    healthCheck: record.HealthCheckId !== undefined,
    evaluatesTarget: textOf(at(target, 'EvaluateTargetHealth'), resource) === 'true',
  }
}

/** A placeholder keeps its case: it names a type. */
const host = (text: string) => (text.includes('<') ? text : text.toLowerCase()).replace(/\.$/, '')
