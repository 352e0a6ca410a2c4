import { CfnBackupPlan } from 'aws-cdk-lib/aws-backup'
import { cellNames, REGIONAL_TABLES, stackNames } from '../../../config/names.ts'
import { regionsOf } from '../../../config/schema.ts'
import { AegisPack } from '../../../lib/nag/aegis-pack.ts'
import { EVERYTHING_ON } from '../everything-on.ts'
import { buildApp, resourcesOf, type Synthesized, theResource } from '../synthesized.ts'

/** Where the backups of each region are copied to in the default deployment. */
const COPIES: Record<string, string | undefined> = { 'eu-west-1': 'eu-central-1', 'eu-central-1': 'eu-west-1' }

export function regionBackupSuite(off: Synthesized, on: Synthesized): void {
  const { deployment } = on
  const cells = regionsOf(deployment).map(({ region, zone }) => {
    const names = cellNames(deployment, region, zone)
    const stack = stackNames(deployment).residencyStore(region)
    const copy = COPIES[region]
    const vaultIn = (place: string) =>
      `arn:aws:backup:${place}:${names.account}:backup-vault:${cellNames(deployment, place, zone).backupVault}`
    return {
      region,
      names,
      template: on.templates.get(stack),
      keys: on.templates.get(stackNames(deployment).keys(region)),
      copy: copy && vaultIn(copy),
    }
  })

  it('keeps backups in a locked vault of the region, under its own key, as long as they are kept', () => {
    for (const { names, template, keys } of cells) {
      const vault = template?.Resources.BackupVault
      expect(vault).toMatchObject({ Type: 'AWS::Backup::BackupVault', DeletionPolicy: 'Retain', UpdateReplacePolicy: 'Retain' })
      expect(vault?.Properties).toMatchObject({
        BackupVaultName: names.backupVault,
        EncryptionKeyArn: `{{resolve:ssm:${names.dataKeyParameter}}}`,
        LockConfiguration: { MinRetentionDays: 35 },
      })
      // With a date the lock could never be taken off again.
      expect(vault?.Properties.LockConfiguration).not.toHaveProperty('ChangeableForDays')
      const written = resourcesOf(keys, 'AWS::SSM::Parameter').find(([, { Properties }]) => Properties.Name === names.dataKeyParameter)
      expect(written?.[1].Properties.Value).toEqual({ 'Fn::GetAtt': ['DataKey', 'Arn'] })
      const { Lifecycle } = theResource(template, 'AWS::Backup::BackupPlan').Properties.BackupPlan.BackupPlanRule[0]
      expect(Lifecycle).toEqual({ DeleteAfterDays: 35 })
    }
  })

  it('backs up the regional tables, each by its ARN, and nothing else', () => {
    for (const { region, names, template } of cells) {
      const { BackupSelection } = theResource(template, 'AWS::Backup::BackupSelection').Properties
      expect(BackupSelection.Resources.toSorted()).toEqual(
        REGIONAL_TABLES.map((purpose) => `arn:aws:dynamodb:${region}:${names.account}:table/${names.table(purpose)}`).toSorted(),
      )
      expect(BackupSelection).not.toHaveProperty('ListOfTags')
      expect(BackupSelection).not.toHaveProperty('Conditions')
    }
  })

  it("copies into the zone's other region, and into none where the zone has no other", () => {
    for (const { region, template, copy } of cells) {
      const [{ CopyActions = [] }] = theResource(template, 'AWS::Backup::BackupPlan').Properties.BackupPlan.BackupPlanRule
      const vaults = CopyActions.map(({ DestinationBackupVaultArn }: { DestinationBackupVaultArn: string }) => DestinationBackupVaultArn)
      expect([region, vaults]).toEqual([region, copy === undefined ? [] : [copy]])
    }
  })

  it('denies everybody to delete a backup, or to copy it anywhere else', () => {
    for (const { template, copy } of cells) {
      const { Statement } = template?.Resources.BackupVault?.Properties.AccessPolicy ?? {}
      const everybody = { Effect: 'Deny', Principal: { AWS: '*' }, Resource: '*' }
      const copying = { ...everybody, Action: 'backup:CopyFromBackupVault' }
      expect(Statement).toEqual([
        { ...everybody, Sid: 'NobodyDeletesBackups', Action: ['backup:DeleteRecoveryPoint', 'backup:UpdateRecoveryPointLifecycle'] },
        ...(copy === undefined
          ? [{ ...copying, Sid: 'NobodyCopiesBackups' }]
          : [
              { ...copying, Sid: 'BackupsStayInTheZone', Condition: { 'ForAnyValue:ArnNotEquals': { 'backup:CopyTargets': [copy] } } },
              { ...copying, Sid: 'CopiesSayWhereTo', Condition: { Null: { 'backup:CopyTargets': 'true' } } },
            ]),
      ])
    }
  })

  it('lets AWS Backup read these tables and use this key, and write to no table', () => {
    for (const { region, names, template } of cells) {
      const policy = resourcesOf(template, 'AWS::IAM::Policy').find(([id]) => id.startsWith('BackupRole'))
      const actions = policy?.[1].Properties.PolicyDocument.Statement.flatMap(({ Action }: { Action: string | string[] }) => Action)
      expect(actions.filter((action: string) => /^dynamodb:(?!StartAwsBackupJob$|Describe|List)/.test(action))).toEqual([])
      const key = on.templates.get(stackNames(deployment).keys(region))?.Resources.DataKey?.Properties.KeyPolicy.Statement
      const use = key.find(({ Sid }: { Sid: string }) => Sid === 'UseThroughThisRegionsStores')
      expect(use.Condition.StringEquals['kms:ViaService']).toContain(`backup.${region}.amazonaws.com`)
      expect(resourcesOf(template, 'AWS::IAM::Role').map(([, { Properties }]) => Properties.RoleName)).toContain(names.backupRole)
    }
  })

  it("rings on the region's topic when a job of its vault fails, and leads to the article", () => {
    for (const { region, names, template } of cells) {
      const { Properties } = theResource(template, 'AWS::CloudWatch::Alarm')
      expect(Properties).toMatchObject({
        AlarmName: names.alarm('backup-failed'),
        AlarmDescription: expect.stringMatching(new RegExp(`^${region}: .*runbooks/alarms/backup-failed\\.md$`)),
        AlarmActions: [`arn:aws:sns:${region}:${names.account}:${names.alarmTopic}`],
        Threshold: 0,
      })
      const watched = Properties.Metrics.flatMap(({ MetricStat }: { MetricStat?: { Metric: unknown } }) => MetricStat?.Metric ?? [])
      expect(watched).toHaveLength(4)
      for (const metric of watched)
        expect(metric).toMatchObject({ Namespace: 'AWS/Backup', Dimensions: [{ Name: 'BackupVaultName', Value: names.backupVault }] })
    }
  })

  it('leaves the data key to the stores alone where there are no backups', () => {
    for (const { region } of cells) expect(JSON.stringify(off.templates.get(stackNames(deployment).keys(region)))).not.toContain('backup.')
  })

  it('refuses a copy into another zone, though one in the zone is acknowledged', () => {
    const zones = { eu: { regions: ['eu-west-1', 'eu-central-1'], standby: 'eu-central-1' } }
    const { app, deployment: planted } = buildApp({ ...EVERYTHING_ON, zones })
    const plans = app.node.findAll().filter((node): node is CfnBackupPlan => node instanceof CfnBackupPlan)
    const plan = plans.find((node) => node.node.path.includes('eu-west-1'))
    const abroad = `arn:aws:backup:us-east-1:${planted.accounts.workload}:backup-vault:aegis-prod-us-east-1-backups`
    plan?.addPropertyOverride('BackupPlan.BackupPlanRule.0.CopyActions.0.DestinationBackupVaultArn', abroad)
    const found = new AegisPack(planted).validateScope(app).violations.map(({ ruleName }) => ruleName)
    expect(found).toContain('Aegis-BackupStaysInRegion[CopyTo::us-east-1]')
  })
}
