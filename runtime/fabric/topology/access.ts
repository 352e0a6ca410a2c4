import { z } from 'zod'
import { originOf, type Resource } from './assembly.ts'
import { resolve, where } from './intrinsics.ts'
import { TemplateError } from './template-error.ts'
import type { Role, TableRight } from './topology.ts'

// The little of IAM that the fabric plays out: who may sign with a key, and how one becomes that somebody.

/** The role that a key's policy lets sign, by the condition on its ARN. Undefined when the policy lets nobody sign, or names nobody. */
export function signerOf(key: Resource): string | undefined {
  const signing = statementsOf(key, 'KeyPolicy').filter(({ actions }) => actions.includes('kms:Sign'))
  const roles = signing.map(({ Condition }) => Condition.ArnEquals?.['aws:PrincipalArn'])
  if (roles.length > 1)
    throw new TemplateError(where(key, 'KeyPolicy'), `lets ${roles.length} statements sign`, 'one role signs with a key')
  return roles[0] === undefined ? undefined : [roles[0]].flat()[0]
}

/** Roles with a name that principals, not services, may assume. */
export function readRoles(resources: Resource[]): Role[] {
  return resources
    .filter(({ type, properties }) => type === 'AWS::IAM::Role' && typeof properties.RoleName === 'string')
    .flatMap((resource) => {
      const taking = statementsOf(resource, 'AssumeRolePolicyDocument').filter(
        ({ actions, Principal }) => actions.includes('sts:AssumeRole') && Principal.AWS !== undefined,
      )
      if (taking.length === 0) return []
      return {
        arn: `arn:aws:iam::${resource.stack.account}:role/${resource.properties.RoleName}`,
        needsSourceIdentity: taking.every(({ Condition }) => Condition.StringLike?.['sts:SourceIdentity'] !== undefined),
        origin: originOf(resource),
      }
    })
}

/**
 * What the role of a task may do with tables: every statement of its policies that names DynamoDB. A statement that the fabric cannot play
 * out is refused, as a gateway would be drilled with other rights than it has.
 */
export function tableRightsOf(task: Resource, resources: readonly Resource[]): TableRight[] {
  const role = z.object({ 'Fn::GetAtt': z.tuple([z.string(), z.literal('Arn')]) }).safeParse(task.properties.TaskRoleArn)
  if (!role.success) return []
  const [roleId] = role.data['Fn::GetAtt']
  const policies = resources.filter(
    ({ type, stack, properties }) =>
      type === 'AWS::IAM::Policy' && stack === task.stack && JSON.stringify(properties.Roles).includes(`"${roleId}"`),
  )
  return policies.flatMap((policy) =>
    statementsOf(policy, 'PolicyDocument')
      .filter(({ actions }) => actions.some((action) => /^(dynamodb:|\*)/.test(action)))
      .flatMap((statement) => tableRights(statement, policy)),
  )
}

function tableRights({ actions, Effect, Resource: named, Condition }: Statement, policy: Resource): TableRight[] {
  const fault = (what: string) => new TemplateError(where(policy, 'PolicyDocument'), what, 'the fabric plays out plain rights on tables')
  if (Effect !== 'Allow') throw fault('denies something on tables')
  if (actions.some((action) => !/^dynamodb:[A-Za-z]+$/.test(action))) throw fault(`has the actions ${actions.join(', ')}`)
  const { 'ForAllValues:StringLike': like, Null: absent, ...others } = Condition
  const keys = like?.[LEADING_KEYS]
  // Without the second half a request that names no partition would pass (IAM user guide, "Multivalued context keys").
  if (Object.keys(others).length > 0 || (keys === undefined) !== (absent?.[LEADING_KEYS] !== 'false'))
    throw fault(`has the condition ${JSON.stringify(Condition)}`)
  return [named].flat().map((arn) => {
    const table = /:table\/([\w.-]+)$/.exec(arn)?.[1]
    if (table === undefined) throw fault(`names ${arn}`)
    return {
      table,
      actions: actions.map((action) => action.slice('dynamodb:'.length)),
      ...(keys !== undefined && { partitions: [keys].flat() }),
    }
  })
}

const LEADING_KEYS = 'dynamodb:LeadingKeys'

const oneOrMore = z.union([z.string(), z.array(z.string())])
const statement = z.object({
  Effect: z.string().default('Allow'),
  Action: oneOrMore.default([]),
  // Other services' resources may hang on references that nobody here reads.
  Resource: oneOrMore.catch([]),
  Principal: z.object({ AWS: z.unknown().optional() }).default({}),
  Condition: z.record(z.string(), z.record(z.string(), oneOrMore)).default({}),
})

type Statement = z.output<typeof statement> & { actions: string[] }

function statementsOf(resource: Resource, property: string): Statement[] {
  const policy = z
    .object({ Statement: z.array(statement) })
    .safeParse(resolve(resource.properties[property] ?? { Statement: [] }, resource.stack))
  if (!policy.success)
    throw new TemplateError(where(resource, property), 'is not a list of plain statements', 'the fabric reads literal policies')
  return policy.data.Statement.map((one) => ({ ...one, actions: [one.Action].flat() }))
}
