import { AccountPrincipal, type PrincipalBase } from 'aws-cdk-lib/aws-iam'

/**
 * A role by its ARN, as principal of a resource policy. AWS refuses a policy whose principal does not exist yet and turns a deleted one
 * into an id that no new role matches; the account with a condition on the role's name has neither trouble, whatever is deployed first.
 * In the same account the role's own policy must allow the action too; across accounts it must anyway.
 */
export function namedRole(account: string, roleArn: string): PrincipalBase {
  return new AccountPrincipal(account).withConditions({ ArnEquals: { 'aws:PrincipalArn': roleArn } })
}

/** Condition of a Deny that spares these roles, by ARN. */
export function unlessRole(...roleArns: string[]) {
  return { ArnNotEquals: { 'aws:PrincipalArn': roleArns } }
}

/** Condition of a Deny that spares what comes through this endpoint. With `unlessRole` beside it, either spares. */
export function unlessThrough(endpointId: string) {
  return { StringNotEquals: { 'aws:SourceVpce': endpointId } }
}
