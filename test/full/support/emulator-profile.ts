import { cpSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

// What ministack 1.5.33 cannot create of our templates. Each entry says what stays unproven. A test fails for an entry that nothing uses any more, and for
// one that the emulator takes by now. docs/emulator.md has the same in words.

/** Types that refuse their whole stack, before anything of it is made. */
export const LACKING_TYPES: Readonly<Record<string, string>> = {
  'AWS::ApplicationAutoScaling::ScalableTarget': 'gateways do not scale',
  'AWS::ApplicationAutoScaling::ScalingPolicy': 'gateways do not scale',
  'AWS::Budgets::Budget': 'no bill is watched',
  'AWS::CE::AnomalyMonitor': 'no bill is watched',
  'AWS::CE::AnomalySubscription': 'no bill is watched',
  'AWS::EC2::EIP': 'no address for a NAT gateway',
  'AWS::EC2::FlowLog': 'nothing flows',
  'AWS::EC2::NatGateway': 'private subnets have no way out',
  'AWS::EC2::SecurityGroupEgress': 'who may connect to whom is not there as rules of their own',
  'AWS::EC2::SecurityGroupIngress': 'who may connect to whom is not there as rules of their own',
  'AWS::FIS::ExperimentTemplate': 'no drill can be started',
  'AWS::Route53::HealthCheck': 'nothing probes the regions',
  'AWS::Route53Resolver::FirewallDomainList': 'every name resolves',
  'AWS::Route53Resolver::FirewallRuleGroup': 'every name resolves',
  'AWS::Route53Resolver::FirewallRuleGroupAssociation': 'every name resolves',
  'AWS::SSM::Document': 'no drill can be started',
  'AWS::Synthetics::Canary': 'nothing probes the regions',
  'AWS::WAFv2::WebACLAssociation': 'the load balancer has no web ACL',
}

/** Resources of a known type that fail when they are made, because they have this property. */
export const LACKING_SHAPES: readonly { type: string; having: string; reason: string }[] = [
  { type: 'AWS::CloudWatch::Alarm', having: 'Metrics', reason: 'alarms on an expression do not exist' },
]

/** Properties that are left out when what they refer to is; whatever else refers to what is left out goes with it. */
export const LOOSE_PROPERTIES: readonly { type: string; property: string; reason: string }[] = [
  {
    type: 'AWS::Route53::RecordSet',
    property: 'HealthCheckId',
    reason: 'failover without a check is still a record that can be read back',
  },
]

/** One resource, or one property of it, that is not deployed. */
export interface Dropped {
  stack: string
  id: string
  type: string
  property?: string
  because: string
}

interface Resource {
  Type: string
  Properties?: Record<string, unknown>
  DependsOn?: string | string[]
}

export interface Template {
  Resources: Record<string, Resource>
}

const TEMPLATE = '.template.json'

/**
 * Copies a cloud assembly, without what the emulator lacks. Images are not published either: that takes a container engine and a registry.
 * @returns what is not in the copy
 */
export function fitAssembly(from: string, to: string): Dropped[] {
  cpSync(from, to, { recursive: true })
  return readdirSync(to).flatMap((file) => {
    const path = join(to, file)
    const read = () => JSON.parse(readFileSync(path, 'utf8'))
    const write = (value: object) => writeFileSync(path, JSON.stringify(value))
    if (file.endsWith('.assets.json')) write({ ...read(), dockerImages: {} })
    if (!file.endsWith(TEMPLATE)) return []
    const template: Template = read()
    const dropped = fitTemplate(template, file.slice(0, -TEMPLATE.length))
    write(template)
    return dropped
  })
}

/** Takes out of a template what the emulator lacks, then what refers to that. */
export function fitTemplate(template: Template, stack: string): Dropped[] {
  const { Resources: resources } = template
  const gone = new Set<string>()
  const dropped: Dropped[] = []
  const drop = (id: string, { Type: type }: Resource, because: string) => {
    dropped.push({ stack, id, type, because })
    gone.add(id)
    delete resources[id]
  }
  for (const [id, resource] of Object.entries(resources)) {
    const because = lackOf(resource)
    if (because !== undefined) drop(id, resource, because)
  }
  for (let before = -1; before < gone.size; ) {
    before = gone.size
    for (const [id, resource] of Object.entries(resources)) {
      for (const property of Object.keys(resource.Properties ?? {})) {
        const lost = referencesIn(resource.Properties?.[property]).find((target) => gone.has(target))
        if (lost === undefined || gone.has(id)) continue
        const loose = LOOSE_PROPERTIES.find((one) => one.type === resource.Type && one.property === property)
        if (loose === undefined) drop(id, resource, `refers to ${lost}`)
        else {
          delete resource.Properties?.[property]
          dropped.push({ stack, id, type: resource.Type, property, because: loose.reason })
        }
      }
    }
  }
  for (const resource of Object.values(resources))
    if (resource.DependsOn !== undefined) resource.DependsOn = [resource.DependsOn].flat().filter((id) => !gone.has(id))
  return dropped
}

/** What was dropped, a line for each stack and type. */
export function describeDropped(dropped: readonly Dropped[]): string[] {
  const byKind = Map.groupBy(dropped, ({ stack, type, property }) => `${stack}: ${[type, property].filter(Boolean).join('.')}`)
  return [...byKind].map(([kind, all]) => `${kind} x ${all.length}: ${[...new Set(all.map(({ because }) => because))].join('; ')}`)
}

function lackOf({ Type, Properties = {} }: Resource): string | undefined {
  return LACKING_TYPES[Type] ?? LACKING_SHAPES.find(({ type, having }) => type === Type && Properties[having] !== undefined)?.reason
}

function referencesIn(value: unknown): string[] {
  if (Array.isArray(value)) return value.flatMap(referencesIn)
  if (typeof value !== 'object' || value === null) return []
  return Object.entries(value).flatMap(([key, inner]) => {
    if (key === 'Ref' && typeof inner === 'string') return [inner]
    if (key === 'Fn::GetAtt') return [String(Array.isArray(inner) ? inner[0] : inner).split('.', 1)[0] ?? '']
    if (key === 'Fn::Sub') return [...String(Array.isArray(inner) ? inner[0] : inner).matchAll(/\$\{([^.}!]+)/g)].map(([, id = '']) => id)
    return referencesIn(inner)
  })
}
