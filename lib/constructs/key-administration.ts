import { AccountRootPrincipal, PolicyStatement } from 'aws-cdk-lib/aws-iam'

/** Looking after a key without using it. `CreateGrant` is absent because a grant can hand out `Sign`. */
export function keyAdministration(): PolicyStatement {
  return new PolicyStatement({
    sid: 'AdministerWithoutUse',
    principals: [new AccountRootPrincipal()],
    actions: [
      'kms:CreateAlias',
      'kms:UpdateAlias',
      'kms:DeleteAlias',
      'kms:Describe*',
      'kms:Get*',
      'kms:List*',
      'kms:PutKeyPolicy',
      'kms:UpdateKeyDescription',
      'kms:EnableKey',
      'kms:DisableKey',
      'kms:EnableKeyRotation',
      'kms:DisableKeyRotation',
      'kms:TagResource',
      'kms:UntagResource',
      'kms:ScheduleKeyDeletion',
      'kms:CancelKeyDeletion',
    ],
    resources: ['*'],
  })
}
