import type { Layout } from '../layout.ts'
import { foreignRegions } from '../regions.ts'
import { at, isList, isObject, type Json, type Resource, textOf, textsIn } from '../resource.ts'
import type { Rule } from '../rule.ts'

/** Types that name other regions by their office, and why that takes no data there. Every other type, unknown ones too, may not. */
const MAY_NAME_REGIONS: Readonly<Record<string, string>> = {
  'AWS::Route53::': 'names and health checks; which answers a name may give is a rule of its own',
  'AWS::IAM::': 'what roles may reach is a rule of its own',
  'AWS::CloudWatch::Dashboard': 'is read by the browser of whoever looks, from each region',
  'AWS::CloudWatch::Alarm': 'watches numbers',
  'AWS::CloudWatch::CompositeAlarm': 'watches alarms',
  'AWS::Synthetics::Canary': 'asks public names from outside, as any client does, and has no data to take along',
  'AWS::CloudFront::': 'leads to public documents of every region; that it leads to nothing else is a rule of its own',
  'AWS::Budgets::': 'counts money by region',
  'AWS::CE::': 'counts money by region',
  'AWS::Organizations::Policy': 'forbids regions, and has to say which',
  'AWS::ARCRegionSwitch::': 'switches names and capacity',
  'AWS::FIS::': 'breaks what its role may reach, to see what happens',
  'AWS::SSM::Document': 'does no more than its role may',
  'AWS::Scheduler::': 'does no more than its role may',
  'AWS::NetworkFirewall::': 'lists the hosts of tools: whether a call may go abroad is for policy and guard to say',
  'AWS::Route53Resolver::': 'lists the hosts of tools: whether a call may go abroad is for policy and guard to say',
}

/**
 * What these types log is data, though the type may name regions elsewhere: by type, the path to where it goes. A public zone's queries are
 * logged in us-east-1 whatever the zone is for, so they are not logged.
 */
const LOGS_TO: Readonly<Record<string, readonly string[]>> = {
  'AWS::Route53::HostedZone': ['QueryLoggingConfig'],
  'AWS::Route53Resolver::ResolverQueryLoggingConfig': ['DestinationArn'],
  'AWS::NetworkFirewall::LoggingConfiguration': ['LoggingConfiguration'],
  'AWS::Synthetics::Canary': ['ArtifactS3Location'],
  'AWS::EC2::FlowLog': ['LogDestination'],
  'AWS::Logs::DeliveryDestination': ['DestinationResourceArn'],
}

/** Texts for people, which AWS does nothing with. */
const PROSE = ['Description', 'AlarmDescription', 'GroupDescription', 'Comment']

export const dataStaysInRegion: Rule = {
  id: 'DataStaysInRegion',
  info: 'A resource names another region than its own.',
  explanation:
    'Log groups, buckets, tables, tasks and whatever else holds or moves data name nothing of another region: an ARN, endpoint or replica there is a way out for what must stay. Name the resource of the same region. Types that must name regions are listed in the rule.',
  check(resource, layout) {
    if (!layout.holdsResidencyData(resource.place) || layout.isGlobalTable(resource)) return []
    const logs = logsElsewhere(resource)
    if (logs.length > 0) return logs
    if (Object.keys(MAY_NAME_REGIONS).some((type) => matches(resource.type, type))) return []
    const allowed = secretsOfTheZone(resource, layout)
    return Object.entries(resource.properties).flatMap(([property, value]) =>
      [...textsIn(value, property), ...joinsIn(value, resource, property)]
        .filter(({ key }) => !PROSE.includes(key))
        .flatMap(({ text }) => foreignRegions(text, resource.place))
        .filter((region) => !allowed.includes(region))
        .map((region) => `${property}::${region}`),
    )
  },
}

/** Logs that go to another region, or to a bucket whose name does not say that it is of this one: AWS delivers them to any. */
function logsElsewhere(resource: Resource): string[] {
  return (LOGS_TO[resource.type] ?? []).flatMap((property) =>
    [...textsIn(at(resource.properties, property), property)].flatMap(({ key, text }) => {
      const foreign = foreignRegions(text, resource.place)
      const bucket = key === 'bucketName' || /^(arn:aws:s3:::|s3:\/\/)/.test(text)
      const unsaid = bucket && !text.includes(resource.place.region ?? '<?>')
      return foreign.length > 0 ? foreign.map((region) => `${property}::${region}`) : unsaid ? [`${property}::${text}`] : []
    }),
  )
}

/** What joins make: a region may be cut in two by one. */
function* joinsIn(value: Json, resource: Resource, key: string): Generator<{ key: string; text: string }> {
  if (isList(value)) for (const item of value) yield* joinsIn(item, resource, key)
  else if (isObject(value)) {
    if (value['Fn::Join'] !== undefined) yield { key, text: textOf(value, resource) }
    for (const [name, item] of Object.entries(value)) yield* joinsIn(item, resource, name.startsWith('Fn::') ? key : name)
  }
}

/** An entry that ends in a colon is the beginning of types. */
const matches = (type: string, entry: string) => (entry.endsWith(':') ? type.startsWith(entry) : type === entry)

/** The zone's own secret is in each of its regions, so that a standby makes the same pseudonyms as the primary; and nowhere else. */
function secretsOfTheZone({ type, place }: Resource, { zones }: Layout): readonly string[] {
  if (type !== 'AWS::SecretsManager::Secret') return []
  return [...zones.values()].find((regions) => regions.includes(place.region ?? '')) ?? []
}
