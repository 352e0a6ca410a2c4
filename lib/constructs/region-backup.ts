import { BackupPlan, BackupPlanRule, BackupResource, BackupVault, type IBackupVault } from 'aws-cdk-lib/aws-backup'
import { Schedule } from 'aws-cdk-lib/aws-events'
import { AnyPrincipal, Effect, PolicyDocument, PolicyStatement, Role, ServicePrincipal } from 'aws-cdk-lib/aws-iam'
import { Key } from 'aws-cdk-lib/aws-kms'
import { Duration, RemovalPolicy } from 'aws-cdk-lib/core'
import { Construct } from 'constructs'
import { cellNames, REGIONAL_TABLES } from '../../config/names.ts'
import { copyRegionOf } from '../../config/schema.ts'
import type { Cell } from '../cell.ts'
import { acknowledge, acknowledgeOwnPolicy } from '../nag/acknowledge.ts'
import { backupVaultArn, keysArn, tableArn } from './arns.ts'
import { BackupAlarm } from './backup-alarm.ts'
import { pinLogicalId } from './logical-id.ts'
import { readParameter } from './network-parameter.ts'

export interface RegionBackupProps {
  readonly cell: Cell
  /** Days that a backup is kept, and that the vault's lock keeps it. */
  readonly keepDays: number
  /** `cron(...)` of EventBridge, in UTC. */
  readonly schedule: string
}

/**
 * Backups of the regional tables, in the region, under the region's own key: what point-in-time recovery does not give is a copy that
 * outlives the table, and one that whoever can delete the table cannot delete. A backup is nobody's replica: it is restored into a new table,
 * by a person, and never written to.
 *
 * The vault is locked in governance mode, as the audit bucket is, so that a first deployment can still be taken down. Its policy denies
 * copies to everybody, administrators included, but the one into the zone's other region, where config asks for it.
 */
export class RegionBackup extends Construct {
  constructor(scope: Construct, id: string, { cell, keepDays, schedule }: RegionBackupProps) {
    super(scope, id)
    const { deployment, region, zone } = cell
    const names = cellNames(deployment, region, zone)
    const copyRegion = copyRegionOf(deployment, region, zone)
    const copyVaultArn = copyRegion && backupVaultArn(copyRegion, names.account, cellNames(deployment, copyRegion, zone).backupVault)
    const kept = Duration.days(keepDays)
    const vault = new BackupVault(this, 'Vault', {
      backupVaultName: names.backupVault,
      encryptionKey: Key.fromKeyArn(this, 'Key', readParameter(names.dataKeyParameter)),
      lockConfiguration: { minRetention: kept },
      accessPolicy: new PolicyDocument({ statements: [denyDeletion(), ...denyCopies(copyVaultArn)] }),
      removalPolicy: RemovalPolicy.RETAIN,
    })
    pinLogicalId(vault, 'BackupVault')
    if (copyRegion !== undefined)
      acknowledge(vault, {
        [`Aegis-DataStaysInRegion[AccessPolicy::${copyRegion}]`]: 'the one vault that its policy lets backups be copied into',
      })

    const plan = new BackupPlan(this, 'Plan', {
      backupPlanName: names.backupPlan,
      backupVault: vault,
      backupPlanRules: [
        new BackupPlanRule({
          ruleName: 'tables',
          scheduleExpression: Schedule.expression(schedule),
          deleteAfter: kept,
          ...(copyVaultArn && { copyActions: [{ destinationBackupVault: this.vaultOf(copyVaultArn), deleteAfter: kept }] }),
        }),
      ],
    })
    if (copyRegion !== undefined)
      acknowledge(plan, {
        [`Aegis-BackupStaysInRegion[CopyTo::${copyRegion}]`]: `asked for in config, and ${copyRegion} is of the same zone`,
        [`Aegis-DataStaysInRegion[BackupPlan::${copyRegion}]`]: `the vault of that copy, and ${copyRegion} is of the same zone`,
      })

    const tables = REGIONAL_TABLES.map((purpose) => tableArn(region, names.account, names.table(purpose)))
    plan.addSelection('Tables', {
      backupSelectionName: 'regional-tables',
      // By ARN: a tag would take along whatever somebody tags.
      resources: tables.map((arn) => BackupResource.fromArn(arn)),
      role: this.role(cell, tables, copyRegion && copyVaultArn ? { region: copyRegion, vaultArn: copyVaultArn } : undefined),
      disableDefaultBackupPolicy: true,
    })
    new BackupAlarm(this, 'Alarm', cell)
  }

  private vaultOf(arn: string): IBackupVault {
    return BackupVault.fromBackupVaultArn(this, 'CopyVault', arn)
  }

  /** AWS's managed policy would let it read every table of the account, in every region. */
  private role({ deployment, region, zone }: Cell, tables: string[], copy: { region: string; vaultArn: string } | undefined): Role {
    const { account, backupRole, backupVault, dataKey } = cellNames(deployment, region, zone)
    const role = new Role(this, 'Role', {
      roleName: backupRole,
      description: `What AWS Backup does with the tables of ${region}`,
      assumedBy: new ServicePrincipal('backup.amazonaws.com', { conditions: { StringEquals: { 'aws:SourceAccount': account } } }),
    })
    const vaults = [backupVaultArn(region, account, backupVault), ...(copy ? [copy.vaultArn] : [])]
    const keyRegions = [region, ...(copy ? [copy.region] : [])]
    const rights = [
      new PolicyStatement({
        sid: 'BackUpTables',
        actions: ['dynamodb:StartAwsBackupJob', 'dynamodb:DescribeTable', 'dynamodb:ListTagsOfResource'],
        resources: tables,
      }),
      new PolicyStatement({ sid: 'FillVault', actions: ['backup:CopyIntoBackupVault', 'backup:DescribeBackupVault'], resources: vaults }),
      new PolicyStatement({
        sid: 'UseDataKeyThroughBackup',
        actions: ['kms:DescribeKey', 'kms:Decrypt', 'kms:GenerateDataKey', 'kms:ReEncryptFrom', 'kms:ReEncryptTo'],
        resources: keyRegions.map((place) => keysArn(place, account)),
        conditions: {
          StringEquals: {
            'kms:ViaService': keyRegions.flatMap((place) => ['dynamodb', 'backup'].map((service) => `${service}.${place}.amazonaws.com`)),
          },
          'ForAnyValue:StringEquals': {
            'kms:ResourceAliases': copy ? [dataKey, cellNames(deployment, copy.region, zone).dataKey] : dataKey,
          },
        },
      }),
    ]
    for (const right of rights) role.addToPolicy(right)
    acknowledge(
      role,
      Object.fromEntries(
        keyRegions.map((place) => [
          `AwsSolutions-IAM5[Resource::${keysArn(place, account)}]`,
          'AWS makes up key ids; the conditions leave the data key, through DynamoDB and Backup alone',
        ]),
      ),
    )
    if (copy !== undefined)
      acknowledge(role, {
        [`Aegis-RoleStaysInRegion[Resource::${copy.vaultArn}]`]: 'the vault of the zone that config asks to copy into',
        [`Aegis-RoleStaysInRegion[Resource::${keysArn(copy.region, account)}]`]: 'the key of that vault',
        [`Aegis-RoleStaysInRegion[Region::${copy.region}]`]: 'named in the condition that narrows the right to that key',
      })
    acknowledgeOwnPolicy(role)
    return role
  }
}

/** The lock already keeps backups for their time; this keeps them from whoever lifts the lock in the same session. */
function denyDeletion(): PolicyStatement {
  return new PolicyStatement({
    sid: 'NobodyDeletesBackups',
    effect: Effect.DENY,
    principals: [new AnyPrincipal()],
    actions: ['backup:DeleteRecoveryPoint', 'backup:UpdateRecoveryPointLifecycle'],
    resources: ['*'],
  })
}

/**
 * `backup:CopyTargets` is the vaults that a copy goes into (Service Authorization Reference, "AWS Backup"). `ForAnyValue` is false of a
 * request without it, so such a request is denied by itself.
 */
function denyCopies(copyVaultArn: string | undefined): PolicyStatement[] {
  const deny = (sid: string, conditions: Record<string, Record<string, string | string[]>>) =>
    new PolicyStatement({
      sid,
      effect: Effect.DENY,
      principals: [new AnyPrincipal()],
      actions: ['backup:CopyFromBackupVault'],
      resources: ['*'],
      conditions,
    })
  if (copyVaultArn === undefined) return [deny('NobodyCopiesBackups', {})]
  return [
    deny('BackupsStayInTheZone', { 'ForAnyValue:ArnNotEquals': { 'backup:CopyTargets': [copyVaultArn] } }),
    deny('CopiesSayWhereTo', { Null: { 'backup:CopyTargets': 'true' } }),
  ]
}
