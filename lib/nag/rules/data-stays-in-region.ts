import type { Layout } from '../layout.ts'
import { foreignRegions } from '../regions.ts'
import { type Resource, textsIn } from '../resource.ts'
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

/** Texts for people, which AWS does nothing with. */
const PROSE = ['Description', 'AlarmDescription', 'GroupDescription', 'Comment']

export const dataStaysInRegion: Rule = {
  id: 'DataStaysInRegion',
  info: 'A resource names another region than its own.',
  explanation:
    'Log groups, buckets, tables, tasks and whatever else holds or moves data name nothing of another region: an ARN, endpoint or replica there is a way out for what must stay. Name the resource of the same region. Types that must name regions are listed in the rule.',
  check(resource, layout) {
    if (!layout.holdsResidencyData(resource.place) || layout.isGlobalTable(resource)) return []
    if (Object.keys(MAY_NAME_REGIONS).some((type) => matches(resource.type, type))) return []
    const allowed = secretsOfTheZone(resource, layout)
    return Object.entries(resource.properties).flatMap(([property, value]) =>
      [...textsIn(value, property)]
        .filter(({ key }) => !PROSE.includes(key))
        .flatMap(({ text }) => foreignRegions(text, resource.place))
        .filter((region) => !allowed.includes(region))
        .map((region) => `${property}::${region}`),
    )
  },
}

/** An entry that ends in a colon is the beginning of types. */
const matches = (type: string, entry: string) => (entry.endsWith(':') ? type.startsWith(entry) : type === entry)

/** The zone's own secret is in each of its regions, so that a standby makes the same pseudonyms as the primary; and nowhere else. */
function secretsOfTheZone({ type, place }: Resource, { zones }: Layout): readonly string[] {
  if (type !== 'AWS::SecretsManager::Secret') return []
  return [...zones.values()].find((regions) => regions.includes(place.region ?? '')) ?? []
}
