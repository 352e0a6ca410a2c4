import { at, isList, isObject, type Json, type Resource, textOf } from '../resource.ts'
import type { Rule } from '../rule.ts'
import { type Statement, statementsIn } from '../statements.ts'

/** In the policy of these, `*` is the resource itself and nothing else. */
const ITSELF = ['AWS::KMS::Key', 'AWS::KMS::ReplicaKey', 'AWS::SecretsManager::ResourcePolicy', 'AWS::ECR::Repository']

/** Actions that have no resource to name (Service Authorization Reference). */
const WITHOUT_RESOURCE = [
  /^ecr:GetAuthorizationToken$/,
  /^cloudwatch:PutMetricData$/,
  /^xray:(Put(TraceSegments|TelemetryRecords)|GetSampling\w+)$/,
  /^logs:(DescribeLogGroups|DescribeResourcePolicies|CreateLogDelivery)$/,
  /^ec2:Describe(Subnets|Vpcs|RouteTables|NetworkAcls|NetworkInterfaces|ManagedPrefixLists|AvailabilityZones)$/,
  /^elasticloadbalancing:Describe(Listeners|Rules|TargetGroups|TargetHealth)$/,
  /^tag:GetResources$/,
  /^fis:ListExperiments$/,
]

/**
 * Wider than AwsSolutions-IAM5, which looks at the policies of identities: also those of buckets, tables, keys, topics and endpoints. Not
 * as fine: prefixes (`bundles/*`) in identities' policies are IAM5's.
 */
export const noWildcard: Rule = {
  id: 'NoWildcard',
  info: 'A policy allows every action, every resource or everybody.',
  explanation:
    'Say which actions, which resources and whom. NotAction, NotResource and NotPrincipal allow whatever is invented next year. A resource of * is right only for actions that have none, and everybody only under a condition.',
  check(resource) {
    return statementsIn(resource.properties)
      .filter(({ allows }) => allows)
      .flatMap((statement) => [
        ...['NotAction', 'NotResource', 'NotPrincipal'].filter((key) => statement.body[key] !== undefined),
        ...everyAction(statement, resource),
        ...everyResource(statement, resource),
        ...everybody(statement, resource),
      ])
  },
}

function everyAction({ actions }: Statement, resource: Resource): string[] {
  return actions
    .map((action) => textOf(action, resource))
    .filter((action) => /^(\*|[\w-]+:\*+)$/.test(action))
    .map((action) => `Action::${action}`)
}

function everyResource({ actions, resources }: Statement, resource: Resource): string[] {
  if (ITSELF.includes(resource.type) || !resources.some((one) => /^\*+$/.test(textOf(one, resource)))) return []
  return actions
    .map((action) => textOf(action, resource))
    .filter((action) => !WITHOUT_RESOURCE.some((known) => known.test(action)))
    .map((action) => `Resource::*::${action}`)
}

function everybody({ body, resources }: Statement, resource: Resource): string[] {
  const anyone = isAnyone(body.Principal) || isAnyone(at(body.Principal, 'AWS'))
  if (!anyone || saysWho(body.Condition, resource)) return []
  // The policy of an access point and the like may leave the resource out: it is the one that the policy is of.
  return resources.length === 0 ? ['Everybody'] : resources.map((one) => `Everybody::${textOf(one, resource)}`)
}

/** Operators that an absent key does not meet. `...IfExists`, `ForAllValues:` and every negation do. */
const BINDING_OPERATOR = /^(ForAnyValue:)?(StringEquals|StringLike|ArnEquals|ArnLike)$/
/** Keys that say who calls or from where ("AWS global condition context keys", IAM user guide). TLS, for one, says neither. */
const WHO = /^(aws:(Source(Account|Arn|Owner|OrgID|Vpc|Vpce)|Principal(Account|Arn|OrgID))|kms:CallerAccount)$/i

/** Whether a condition leaves somebody out. */
function saysWho(condition: Json, resource: Resource): boolean {
  if (!isObject(condition)) return false
  return Object.entries(condition)
    .filter(([operator, keys]) => BINDING_OPERATOR.test(operator) && isObject(keys))
    .flatMap(([, keys]) => Object.entries(keys as Readonly<Record<string, Json>>))
    .some(([key, value]) => WHO.test(key) && (isList(value) ? value : [value]).every((one) => !/^\**$/.test(textOf(one, resource))))
}

const isAnyone = (principal: Json) => principal === '*' || (Array.isArray(principal) && principal.includes('*'))
