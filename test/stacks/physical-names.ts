import type { Template } from './synthesized.ts'

// Every name that a template gives to something in AWS, found by how properties are called and not by a list of types.

/** `TableName`, `Name`, `RoleName`, `Family` ... */
const NAMES = /^(Name|.*Name|Family|LogGroup|DomainName)$/
/** Called a name, and none that a resource is given: parts of others, columns, protocols, references to what AWS or another stack has. */
const PARTS = new Set([
  ...['AttributeName', 'ContainerName', 'ParameterName', 'MetricName', 'ServiceName', 'DBName', 'HostedZoneName', 'IndexName', 'UserName'],
  ...['DNSName', 'PrivateDnsName', 'PropertyName', 'ProviderName', 'FieldName', 'VariableName', 'ResourceName', 'EventName'],
])

export interface PhysicalName {
  stack: string
  /** Type and property: names of different kinds do not meet. */
  kind: string
  /** A literal, or the JSON of what makes it. */
  name: string
}

/** Names at the top of each resource's properties, and of budgets, which are one below. Of IAM inline policies and the like none: they are inside. */
export function physicalNames(templates: ReadonlyMap<string, Template>): PhysicalName[] {
  return [...templates].flatMap(([stack, { Resources }]) =>
    Object.values(Resources).flatMap(({ Type, Properties }) =>
      namesIn(Properties ?? {}).map(([property, value]) => ({
        stack,
        kind: `${Type}.${property}`,
        name: typeof value === 'string' ? value : JSON.stringify(value),
      })),
    ),
  )
}

function namesIn(properties: Record<string, unknown>): [string, unknown][] {
  const own = Object.entries(properties).filter(([property, value]) => NAMES.test(property) && !PARTS.has(property) && !isReference(value))
  const wrapped = properties.Budget as Record<string, unknown> | undefined
  return wrapped === undefined ? own : [...own, ...namesIn(wrapped)]
}

/** What refers to another resource of the stack names nothing. */
const isReference = (value: unknown) => typeof value === 'object' && value !== null && 'Ref' in value

/** Names of one kind that both have: of two environments in the same accounts the second could not be deployed, or would overwrite the first. */
export function sharedPhysicalNames(one: readonly PhysicalName[], other: readonly PhysicalName[]): string[] {
  const key = ({ kind, name }: PhysicalName) => `${kind} ${name}`
  const taken = new Set(one.map(key))
  return [...new Set(other.map(key).filter((name) => taken.has(name)))].sort()
}
