import { z } from 'zod'
import { originOf, type Resource } from './assembly.ts'
import { physicalId, where } from './intrinsics.ts'
import { cfnBoolean, cfnName, cfnNumber, parseProperties } from './properties.ts'
import { TemplateError } from './template-error.ts'
import { type HealthCheck, type HostedZone, type LoadBalancer, RECORD_TYPES, type RecordSet, type Routing } from './topology.ts'

export function readHostedZones(resources: Resource[]): HostedZone[] {
  return ofType(resources, 'AWS::Route53::HostedZone').map((resource) => {
    if ('VPCs' in resource.properties)
      throw new TemplateError(
        where(resource, 'VPCs'),
        'a private hosted zone is not answered by the fabric',
        'make it public, or remove it',
      )
    const { Name } = parseProperties(resource, { Name: cfnName }, { closed: false })
    return { name: Name, origin: originOf(resource) }
  })
}

/**
 * Endpoint checks, and those that are healthy when one endpoint check is and nobody has switched away by a region switch plan: a check with
 * a literal id, which the plan made and no template holds. The fabric has no plans, so nobody has.
 */
export function readHealthChecks(resources: Resource[]): HealthCheck[] {
  const all = ofType(resources, 'AWS::Route53::HealthCheck')
  const calculated = all.filter((resource) => typeOf(resource) === 'CALCULATED')
  const endpoints = readEndpointChecks(all.filter((resource) => !calculated.includes(resource)))
  return [...endpoints, ...calculated.map((resource) => readSwitchedCheck(resource, endpoints))]
}

const typeOf = ({ properties }: Resource) => (properties.HealthCheckConfig as { Type?: unknown } | undefined)?.Type

function readSwitchedCheck(resource: Resource, endpoints: readonly HealthCheck[]): HealthCheck {
  const { HealthCheckConfig: config } = parseProperties(resource, switchedShape, { closed: true })
  const [endpoint, ...others] = endpoints.filter(({ id }) => config.ChildHealthChecks.includes(id))
  if (endpoint === undefined || others.length > 0 || config.HealthThreshold !== config.ChildHealthChecks.length)
    throw new TemplateError(
      where(resource, 'HealthCheckConfig'),
      'only a check of one endpoint and the checks of region switch plans is read, all of which must be healthy',
      'refer to one endpoint check of the same stack, and set the threshold to the number of checks',
    )
  return { ...endpoint, id: physicalId(resource.stack, resource.logicalId), origin: originOf(resource) }
}

function readEndpointChecks(resources: Resource[]): HealthCheck[] {
  return resources.map((resource) => {
    const { HealthCheckConfig: config } = parseProperties(resource, healthCheckShape, { closed: true })
    return {
      id: physicalId(resource.stack, resource.logicalId),
      protocol: config.Type,
      fqdn: config.FullyQualifiedDomainName,
      port: config.Port ?? (config.Type === 'HTTPS' ? 443 : 80),
      path: config.ResourcePath,
      intervalS: config.RequestInterval,
      failureThreshold: config.FailureThreshold,
      ...(config.Regions && { locations: config.Regions }),
      origin: originOf(resource),
    }
  })
}

interface Known {
  hostedZones: HostedZone[]
  loadBalancers: LoadBalancer[]
  healthChecks: HealthCheck[]
}

export function readRecords(resources: Resource[], known: Known): RecordSet[] {
  const group = resources.find(({ type }) => type === 'AWS::Route53::RecordSetGroup')
  if (group !== undefined)
    throw new TemplateError(where(group, 'RecordSets'), 'record set groups are not read', 'write each record as an AWS::Route53::RecordSet')
  const records = ofType(resources, 'AWS::Route53::RecordSet')
    .filter((resource) => !leadsToEdge(resource, resources) && !isDelegation(resource, known))
    .map((resource) => readRecord(resource, known))
  refuseMixedGroups(records)
  return records
}

/** Aliases to CloudFront are left out: the fabric has no edge, and no call passes there. */
function leadsToEdge({ properties, stack }: Resource, resources: Resource[]): boolean {
  const { AliasTarget } = properties as { AliasTarget?: { DNSName?: { 'Fn::GetAtt'?: unknown } } }
  const attribute = AliasTarget?.DNSName?.['Fn::GetAtt']
  const target = Array.isArray(attribute) ? attribute[0] : undefined
  return resources.some((other) => other.type === 'AWS::CloudFront::Distribution' && other.stack === stack && other.logicalId === target)
}

/** The fabric's one server answers for every zone of the templates, so that one handed over to another needs no record of it. */
function isDelegation({ properties }: Resource, { hostedZones }: Known): boolean {
  return properties.Type === 'NS' && hostedZones.some(({ name }) => name === cfnName.safeParse(properties.Name).data)
}

function readRecord(resource: Resource, known: Known): RecordSet {
  const properties = parseProperties(resource, recordShape, { closed: true })
  const { Name: name, HealthCheckId: healthCheckId } = properties
  if (name.includes('*') || name.includes('\\'))
    throw new TemplateError(where(resource, 'Name'), `${name} is a wildcard or escaped name`, 'give the name itself')
  if (!known.hostedZones.some((zone) => name === zone.name || name.endsWith(`.${zone.name}`)))
    throw new TemplateError(
      where(resource, 'Name'),
      `${name} is in no hosted zone of the templates`,
      'add an AWS::Route53::HostedZone for it',
    )
  if (healthCheckId !== undefined && !known.healthChecks.some(({ id }) => id === healthCheckId))
    throw new TemplateError(
      where(resource, 'HealthCheckId'),
      `no health check ${healthCheckId} in the templates`,
      'refer to one of the same stack',
    )
  return {
    name,
    type: properties.Type,
    routing: routingOf(resource, properties),
    target: targetOf(resource, properties, known.loadBalancers),
    ...(healthCheckId !== undefined && { healthCheckId }),
    origin: originOf(resource),
  }
}

const recordShape = {
  Name: cfnName,
  Type: z.enum(RECORD_TYPES),
  HostedZoneId: z.string().optional(),
  HostedZoneName: z.string().optional(),
  Comment: z.string().optional(),
  TTL: cfnNumber.optional(),
  ResourceRecords: z.array(z.string()).min(1).optional(),
  AliasTarget: z.strictObject({ DNSName: cfnName, HostedZoneId: z.string(), EvaluateTargetHealth: cfnBoolean.default(false) }).optional(),
  SetIdentifier: z.string().optional(),
  HealthCheckId: z.string().optional(),
  Failover: z.enum(['PRIMARY', 'SECONDARY']).optional(),
  Region: z.string().optional(),
  Weight: cfnNumber.optional(),
}
type RecordProperties = z.output<z.ZodObject<typeof recordShape>>

function routingOf(resource: Resource, { Failover, Region, Weight, SetIdentifier: setIdentifier = '' }: RecordProperties): Routing {
  const policies: Routing[] = []
  if (Failover !== undefined) policies.push({ policy: 'failover', role: Failover, setIdentifier })
  if (Region !== undefined) policies.push({ policy: 'latency', region: Region, setIdentifier })
  if (Weight !== undefined) policies.push({ policy: 'weighted', weight: Weight, setIdentifier })
  if (policies.length > 1)
    throw new TemplateError(
      where(resource, 'SetIdentifier'),
      'the record has more than one routing policy',
      'keep one of Failover, Region, Weight',
    )
  if (policies.length === 1 && setIdentifier === '')
    throw new TemplateError(where(resource, 'SetIdentifier'), 'a routed record needs a set identifier', 'give it one')
  return policies[0] ?? { policy: 'simple' }
}

function targetOf(
  resource: Resource,
  { AliasTarget, TTL, ResourceRecords, Type }: RecordProperties,
  loadBalancers: LoadBalancer[],
): RecordSet['target'] {
  if (AliasTarget === undefined) {
    if (TTL === undefined || ResourceRecords === undefined)
      throw new TemplateError(where(resource, 'ResourceRecords'), 'the record has neither values with a TTL nor an alias', 'give it one')
    const values = Type === 'CNAME' ? ResourceRecords.map((name) => cfnName.parse(name)) : ResourceRecords
    return { values, ttlS: TTL }
  }
  // Some tools put `dualstack.` before the balancer's name: Route 53 takes both for the same target.
  const dnsName = AliasTarget.DNSName.replace(/^dualstack\./, '')
  const target = loadBalancers.find((balancer) => balancer.dnsName === dnsName)
  if (target === undefined || (Type !== 'A' && Type !== 'AAAA'))
    throw new TemplateError(
      where(resource, 'AliasTarget.DNSName'),
      `${Type} alias to ${dnsName}`,
      'alias A or AAAA to a load balancer of the same stack',
    )
  return { loadBalancer: target.id, evaluateTargetHealth: AliasTarget.EvaluateTargetHealth }
}

/** Route 53 refuses these at creation, so a drill must not run on them (API reference, ChangeResourceRecordSets). */
function refuseMixedGroups(records: RecordSet[]): void {
  const at = (record: RecordSet) => `${record.origin.stack}/${record.origin.logicalId}`
  for (const [key, group] of Map.groupBy(records, ({ name, type }) => `${type} ${name}`)) {
    const [first, second] = group
    if (first === undefined || second === undefined) continue
    if (group.some(({ routing }) => routing.policy !== first.routing.policy || routing.policy === 'simple'))
      throw new TemplateError(
        at(second),
        `${key} is also written by ${at(first)}, with another routing policy or none`,
        'give all of them one policy',
      )
    const identifiers = group.map(({ routing }) => ('setIdentifier' in routing ? routing.setIdentifier : ''))
    if (new Set(identifiers).size < group.length)
      throw new TemplateError(at(second), `two records of ${key} have one set identifier`, 'make them differ')
    const slots = group.map(({ routing }) =>
      routing.policy === 'failover' ? routing.role : routing.policy === 'latency' ? routing.region : routing,
    )
    if (new Set(slots).size < group.length)
      throw new TemplateError(at(second), `two records of ${key} have one failover role or region`, 'keep one of them')
  }
  for (const [name, group] of Map.groupBy(records, (record) => record.name)) {
    const cname = group.find(({ type }) => type === 'CNAME')
    const other = group.find(({ type }) => type !== 'CNAME')
    if (cname !== undefined && other !== undefined)
      throw new TemplateError(at(cname), `${name} has a CNAME and a ${other.type} record`, 'a CNAME stands alone (RFC 1034, section 3.6.2)')
  }
}

const switchedShape = {
  HealthCheckTags: z.unknown().optional(),
  HealthCheckConfig: z.strictObject({
    Type: z.literal('CALCULATED'),
    ChildHealthChecks: z.array(z.string()).min(1),
    HealthThreshold: cfnNumber,
    Inverted: z.literal([false, 'false'], 'inverted checks are not emulated').optional(),
  }),
}

const healthCheckShape = {
  HealthCheckTags: z.unknown().optional(),
  HealthCheckConfig: z.strictObject({
    Type: z.enum(['HTTP', 'HTTPS'], 'only HTTP and HTTPS endpoint checks are emulated, no alarm, TCP or string-match checks'),
    FullyQualifiedDomainName: cfnName,
    Port: cfnNumber.optional(),
    ResourcePath: z.string().startsWith('/').default('/'),
    RequestInterval: cfnNumber.default(30),
    FailureThreshold: cfnNumber.default(3),
    Regions: z.array(z.string()).min(3).optional(),
    EnableSNI: cfnBoolean.optional(),
    MeasureLatency: cfnBoolean.optional(),
    Inverted: z.literal([false, 'false'], 'inverted checks are not emulated').optional(),
  }),
}

function ofType(resources: Resource[], type: string): Resource[] {
  return resources.filter((resource) => resource.type === type)
}
