import { Secret } from 'aws-cdk-lib/aws-ecs'
import { Grant, type IGrantable } from 'aws-cdk-lib/aws-iam'

/**
 * A secret of Secrets Manager that ECS puts into a variable, by an ARN made from names: it is another stack's. CDK's own class would also
 * grant the execution role to describe it; what that role may do stands in one place.
 */
export class NamedSecret extends Secret {
  readonly arn: string
  readonly hasField = false

  constructor(arn: string) {
    super()
    this.arn = arn
  }

  grantRead(grantee: IGrantable): Grant {
    return Grant.drop(grantee, 'the execution role has the right by its own policy')
  }
}
