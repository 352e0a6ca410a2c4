import { PolicyStatement, type PrincipalBase, Role } from 'aws-cdk-lib/aws-iam'
import { Stack } from 'aws-cdk-lib/core'
import type { Construct } from 'constructs'
import { cellNames, SIGNING_KEYS, sharedNames, stackNames } from '../../config/names.ts'
import { type Cell, cellEnvironment, stackProps } from '../cell.ts'
import { roleArn } from '../constructs/arns.ts'
import { DataKey } from '../constructs/data-key.ts'
import { pinLogicalId } from '../constructs/logical-id.ts'
import { namedRole } from '../constructs/named-principal.ts'
import { writeParameter } from '../constructs/network-parameter.ts'
import { SigningKey } from '../constructs/signing-key.ts'
import { acknowledgeOwnPolicy } from '../nag/acknowledge.ts'

/** Logical ids of the signing keys. Fixed, as CloudFormation would replace a key whose id changed. */
const LOGICAL_IDS = { token: 'TokenKey', approval: 'ApprovalKey', 'data-protection': 'DataProtectionKey', audit: 'AuditKey' } as const

/** A region's keys: one for its data, one ES256 key a purpose. Attestations are signed by a role that can do nothing else. */
export class KeysStack extends Stack {
  constructor(scope: Construct, cell: Cell) {
    const { deployment, region, zone } = cell
    const env = cellEnvironment(cell)
    super(scope, stackNames(deployment).keys(region), stackProps(cell, env, `keys of ${region}`, { protect: true }))
    const names = cellNames(deployment, region, zone)
    const { control } = deployment.accounts
    const gatewayRoleArn = roleArn(env.account, names.gatewayRole)
    const dataProtectionRoleArn = roleArn(env.account, names.dataProtectionRole)

    const backups = deployment.backup !== undefined
    const data = new DataKey(this, 'Data', { aliasName: names.dataKey, description: `Aegis data of ${region}`, region, backups })
    // A vault takes the ARN of its key and no alias (AWS Backup API reference, "CreateBackupVault").
    if (backups) writeParameter(this, names.dataKeyParameter, data.key.keyArn)
    for (const purpose of SIGNING_KEYS) {
      const { key } = new SigningKey(this, LOGICAL_IDS[purpose], {
        aliasName: names.signingKey(purpose),
        description: `Aegis ${purpose} signatures of ${region}`,
        account: env.account,
        signerRoleArn: purpose === 'data-protection' ? dataProtectionRoleArn : gatewayRoleArn,
        // The directory lists the public halves of what other regions check.
        ...(purpose !== 'audit' && {
          publicKeyReader: { account: control, roleArn: roleArn(control, sharedNames(deployment).publisherRole) },
        }),
        logicalId: LOGICAL_IDS[purpose],
      })
      if (purpose !== 'data-protection') continue
      // Every container of a task shares the task role, so the right to attest is a role of its own, taken only to sign.
      const role = new Role(this, 'DataProtectionRole', {
        roleName: names.dataProtectionRole,
        description: `Signs attestations of ${region}, and nothing else`,
        assumedBy: forSomebody(namedRole(env.account, gatewayRoleArn)),
      })
      role.assumeRolePolicy?.addStatements(
        new PolicyStatement({ actions: ['sts:SetSourceIdentity'], principals: [forSomebody(namedRole(env.account, gatewayRoleArn))] }),
      )
      pinLogicalId(role, 'DataProtectionRole')
      role.addToPolicy(new PolicyStatement({ actions: ['kms:Sign', 'kms:GetPublicKey'], resources: [key.keyArn] }))
      acknowledgeOwnPolicy(role)
    }
  }
}

/**
 * Only together with a source identity: the data protection officer for whom the role is taken. CloudTrail then shows the person with
 * every signature, and it cannot be changed in the session ("Monitor and control actions taken with assumed roles", IAM user guide).
 */
function forSomebody(principal: PrincipalBase): PrincipalBase {
  return principal.withConditions({ StringLike: { 'sts:SourceIdentity': '?*' } })
}
