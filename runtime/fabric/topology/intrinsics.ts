import type { Resource, Stack } from './assembly.ts'

/**
 * Replaces intrinsic functions by what CloudFormation would put there, as far as the fabric's resources
 * need: Ref, Fn::GetAtt, Fn::Join and Fn::Sub inside one stack. Everything else becomes an Unresolved, which
 * is an error only where somebody reads it. Ids that exist only after a deploy become stable ones.
 */
export function resolve(value: unknown, stack: Stack): unknown {
  if (Array.isArray(value)) return value.map((item) => resolve(item, stack))
  if (typeof value !== 'object' || value === null) return value
  const keys = Object.keys(value)
  const only = keys.length === 1 ? keys[0] : undefined
  if (only === 'Ref' || only?.startsWith('Fn::')) return callIntrinsic(only, (value as Record<string, unknown>)[only], stack)
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, resolve(item, stack)]))
}

/** What stands where a value could not be known. No schema takes it for a string. */
export class Unresolved {
  readonly what: string
  constructor(name: string, argument: unknown) {
    this.what = `cannot resolve ${name} of ${JSON.stringify(argument)}`
  }
}

/** The stable stand-in for an id that AWS would make up. */
export function physicalId(stack: Stack, logicalId: string): string {
  return `${stack.name}/${logicalId}`
}

/** The name that a load balancer is reached by, in the form that AWS gives it. */
export function loadBalancerDnsName(stack: Stack, logicalId: string): string {
  return `${logicalId}.${stack.name}.elb.${stack.region}.amazonaws.com`.toLowerCase()
}

export function where(resource: Resource, path: string): string {
  return `${resource.stack.name}/${resource.logicalId}.${path}`
}

function callIntrinsic(name: string, argument: unknown, stack: Stack): unknown {
  const unresolved = new Unresolved(name, argument)
  if (name === 'Ref' && typeof argument === 'string') return ref(argument, stack) ?? unresolved
  if (name === 'Fn::GetAtt') {
    const [logicalId, attribute] = typeof argument === 'string' ? argument.split('.', 2) : Array.isArray(argument) ? argument : []
    if (typeof logicalId === 'string' && typeof attribute === 'string') return getAtt(logicalId, attribute, stack) ?? unresolved
  }
  if (name === 'Fn::Join' && Array.isArray(argument) && typeof argument[0] === 'string' && Array.isArray(argument[1]))
    return joinAll(
      argument[1].map((part) => resolve(part, stack)),
      argument[0],
    )
  if (name === 'Fn::Sub') return substitute(argument, stack) ?? unresolved
  return unresolved
}

function substitute(argument: unknown, stack: Stack): unknown {
  const [template, variables] = Array.isArray(argument) ? argument : [argument, {}]
  if (typeof template !== 'string') return undefined
  // Splitting on a pattern with a group leaves text at even places and names at odd ones.
  const parts = template.split(/\$\{([^!}][^}]*)\}/).map((part, index) => {
    if (index % 2 === 0) return part.replaceAll('${!', '${')
    if (Object.hasOwn(variables, part)) return resolve(variables[part], stack)
    return resolve(part.includes('.') ? { 'Fn::GetAtt': part } : { Ref: part }, stack)
  })
  return joinAll(parts, '')
}

function joinAll(parts: unknown[], separator: string): unknown {
  return parts.find((part) => part instanceof Unresolved) ?? parts.map(String).join(separator)
}

function ref(target: string, stack: Stack): string | undefined {
  const pseudo: Record<string, string> = {
    'AWS::Region': stack.region,
    'AWS::AccountId': stack.account,
    'AWS::Partition': 'aws',
    'AWS::URLSuffix': 'amazonaws.com',
    'AWS::StackName': stack.name,
  }
  if (Object.hasOwn(pseudo, target)) return pseudo[target]
  const parameter = stack.template.Parameters[target]
  if (parameter !== undefined) return typeof parameter.Default === 'string' ? parameter.Default : undefined
  const found = stack.template.Resources[target]
  if (found === undefined) return undefined
  const nameProperty = NAMED_BY[found.Type]
  const name = nameProperty === undefined ? undefined : found.Properties[nameProperty]
  return typeof name === 'string' ? name : physicalId(stack, target)
}

/** Types whose Ref is a name that the template gives. All others have an id. */
const NAMED_BY: Record<string, string> = {
  'AWS::DynamoDB::GlobalTable': 'TableName',
  'AWS::DynamoDB::Table': 'TableName',
  'AWS::S3::Bucket': 'BucketName',
  'AWS::KMS::Alias': 'AliasName',
  'AWS::Logs::LogGroup': 'LogGroupName',
}

function getAtt(target: string, attribute: string, stack: Stack): string | undefined {
  const found = stack.template.Resources[target]
  const name = ref(target, stack)
  switch (`${found?.Type}.${attribute}`) {
    case 'AWS::ElasticLoadBalancingV2::LoadBalancer.DNSName':
      return loadBalancerDnsName(stack, target)
    case 'AWS::KMS::Key.Arn':
      return `arn:aws:kms:${stack.region}:${stack.account}:key/${name}`
    case 'AWS::DynamoDB::GlobalTable.Arn':
    case 'AWS::DynamoDB::Table.Arn':
      return `arn:aws:dynamodb:${stack.region}:${stack.account}:table/${name}`
    case 'AWS::S3::Bucket.Arn':
      return `arn:aws:s3:::${name}`
    case 'AWS::ElasticLoadBalancingV2::LoadBalancer.CanonicalHostedZoneID':
    case 'AWS::ElasticLoadBalancingV2::LoadBalancer.LoadBalancerArn':
    case 'AWS::ElasticLoadBalancingV2::TargetGroup.TargetGroupArn':
    case 'AWS::ElasticLoadBalancingV2::Listener.ListenerArn':
    case 'AWS::Route53::HealthCheck.HealthCheckId':
    case 'AWS::Route53::HostedZone.Id':
    case 'AWS::KMS::Key.KeyId':
      return name
  }
  return undefined
}
