import { PolicyStatement, Role, ServicePrincipal } from 'aws-cdk-lib/aws-iam'
import { BucketEncryption, ObjectLockRetention } from 'aws-cdk-lib/aws-s3'
import { CfnSchedule, CfnScheduleGroup } from 'aws-cdk-lib/aws-scheduler'
import { Duration, Stack } from 'aws-cdk-lib/core'
import type { Construct } from 'constructs'
import { DRILLS, drillNamespace } from '../../config/drills.ts'
import { directorNames, drillParameterOf, stackNames } from '../../config/names.ts'
import { type Deployment, regionsOf, watchingRegions } from '../../config/schema.ts'
import { stackProps } from '../cell.ts'
import { bucketArn, parameterArn, roleArn } from '../constructs/arns.ts'
import { DrillDocuments, probeAlarmPrefix } from '../constructs/drill-documents.ts'
import { denyLockBypass, denyObjectsUnlessRole, privateBucket } from '../constructs/private-bucket.ts'
import { acknowledge, acknowledgeOwnPolicy, inStandards } from '../nag/acknowledge.ts'

/**
 * What starts drills, ends them and keeps what they showed: in the routing region, which serves nobody, so that no fault reaches it. Regions of
 * cells hold templates of faults and nothing that starts one.
 */
export class DrillDirectorStack extends Stack {
  constructor(scope: Construct, deployment: Deployment) {
    const env = { account: deployment.accounts.workload, region: deployment.routingRegion }
    super(scope, stackNames(deployment).drillDirector, stackProps({ deployment }, env, 'director of drills', { protect: true }))
    const names = directorNames(deployment)
    const director = roleArn(env.account, names.role)
    evidenceBucket(this, deployment, director)
    directorRole(this, deployment, env)
    new DrillDocuments(this, 'Documents', { deployment, roleArn: director })
    schedules(this, deployment, env)
  }
}

/** What drills showed, as long as audit records: nobody alters it, and lifting the lock takes a change of this policy. */
function evidenceBucket(stack: Stack, deployment: Deployment, director: string): void {
  const { evidenceBucket: bucketName } = directorNames(deployment)
  const bucket = privateBucket(stack, 'EvidenceBucket', {
    bucketName,
    // States of experiments and alarms: nothing personal, and no key that a drill could take away.
    encryption: BucketEncryption.S3_MANAGED,
    objectLockEnabled: true,
    objectLockDefaultRetention: ObjectLockRetention.governance(Duration.days(deployment.auditRetentionDays)),
  })
  bucket.addToResourcePolicy(denyObjectsUnlessRole(bucketName, 'OnlyDirectorWrites', ['s3:PutObject'], [director]))
  bucket.addToResourcePolicy(denyLockBypass(bucketName))
  acknowledge(bucket, {
    'AwsSolutions-S1': 'one role writes a few objects a month, each locked; a log of who read that a drill was run says little',
    ...inStandards({
      S3BucketLoggingEnabled: 'one role writes a few objects a month, each locked; a log of who read that a drill was run says little',
      S3BucketReplicationEnabled: 'the region that holds it serves nobody, so no drill reaches it; S3 keeps it in three buildings',
      S3DefaultEncryptionKMS: 'states of experiments and alarms, nothing personal, and no key that a drill could take away',
    }),
  })
}

function directorRole(stack: Stack, deployment: Deployment, { account, region }: { account: string; region: string }): void {
  const names = directorNames(deployment)
  const role = new Role(stack, 'Role', {
    roleName: names.role,
    description: 'Starts drills on serving regions, watches and stops them, and writes evidence',
    assumedBy: new ServicePrincipal('ssm.amazonaws.com', {
      conditions: {
        StringEquals: { 'aws:SourceAccount': account },
        ArnLike: { 'aws:SourceArn': `arn:aws:ssm:${region}:${account}:automation-execution/*` },
      },
    }),
  })
  const rights = directing(deployment, { account, region })
  for (const statement of rights) role.addToPolicy(statement)
  const wildcards = rights.flatMap(({ resources }) => resources).filter((resource) => resource.includes('*'))
  acknowledge(
    role,
    Object.fromEntries(
      wildcards.map((resource) => [
        `AwsSolutions-IAM5[Resource::${resource}]`,
        'AWS makes up the ids of templates and experiments, and drills are on several regions; conditions keep it to what wears our tags there',
      ]),
    ),
  )
  acknowledgeOwnPolicy(role)
  const office = 'it starts and stops drills in serving regions and looks at their alarms, by its office; it can read no data there'
  const away = rights
    .flatMap(({ resources }) => resources)
    .filter((resource) => !resource.startsWith('arn:aws:s3:') && !resource.includes(`:${region}:`))
  acknowledge(
    role,
    Object.fromEntries([
      ...regionsOf(deployment).map((one) => [`Aegis-RoleStaysInRegion[Region::${one.region}]`, office]),
      ...away.map((resource) => [`Aegis-RoleStaysInRegion[Resource::${resource}]`, office]),
    ]),
  )
}

/** Everything that directing takes, each right in serving regions alone, and on this deployment's templates and experiments. */
function directing(deployment: Deployment, { account, region }: { account: string; region: string }): PolicyStatement[] {
  const regions = regionsOf(deployment).map(({ region }) => region)
  const there = { 'aws:RequestedRegion': regions }
  const tags = (kind: 'ResourceTag' | 'RequestTag') => ({
    [`aws:${kind}/aegis:deployment`]: deployment.name,
    [`aws:${kind}/aegis:environment`]: deployment.environment,
  })
  const templates = regions.map((region) => `arn:aws:fis:${region}:${account}:experiment-template/*`)
  const experiments = regions.map((region) => `arn:aws:fis:${region}:${account}:experiment/*`)
  const allow = (sid: string, actions: string[], resources: string[], equals: Record<string, string | string[]> = {}) =>
    new PolicyStatement({ sid, actions, resources, ...(Object.keys(equals).length > 0 && { conditions: { StringEquals: equals } }) })
  const watching = watchingRegions(deployment)
  return [
    allow('StartFromOurTemplates', ['fis:StartExperiment'], templates, { ...there, ...tags('ResourceTag') }),
    allow('StartOurExperiments', ['fis:StartExperiment', 'fis:TagResource'], experiments, { ...there, ...tags('RequestTag') }),
    allow('WatchAndStopOurExperiments', ['fis:GetExperiment', 'fis:StopExperiment'], experiments, { ...there, ...tags('ResourceTag') }),
    allow('ListExperiments', ['fis:ListExperiments'], ['*'], there),
    allow('PressStop', ['cloudwatch:PutMetricData'], ['*'], { ...there, 'cloudwatch:namespace': drillNamespace(deployment) }),
    allow(
      'FindTemplates',
      ['ssm:GetParameter'],
      regions.map((region) => parameterArn(region, account, drillParameterOf(deployment, region, '*'))),
    ),
    // Describing by a prefix is asked of all alarms; the history of one is asked by its name.
    allow(
      'SeeAlarms',
      ['cloudwatch:DescribeAlarms'],
      watching.map((region) => `arn:aws:cloudwatch:${region}:${account}:alarm:*`),
    ),
    allow(
      'SeeWhatAlarmsDid',
      ['cloudwatch:DescribeAlarmHistory'],
      watching.map((region) => `arn:aws:cloudwatch:${region}:${account}:alarm:${probeAlarmPrefix(deployment)}*`),
    ),
    allow('WriteEvidence', ['s3:PutObject'], [`${bucketArn(directorNames(deployment).evidenceBucket)}/*`], {
      'aws:RequestedRegion': region,
    }),
    // The first experiment of a region makes it.
    allow(
      'LetFisHaveItsRole',
      ['iam:CreateServiceLinkedRole'],
      [`arn:aws:iam::${account}:role/aws-service-role/fis.amazonaws.com/AWSServiceRoleForFIS`],
      { 'iam:AWSServiceName': 'fis.amazonaws.com' },
    ),
  ]
}

/** One schedule a drill and region, all of them disabled: who enables one has read what the drill does. */
function schedules(stack: Stack, deployment: Deployment, { account, region }: { account: string; region: string }): void {
  const names = directorNames(deployment)
  const document = `arn:aws:ssm:${region}:${account}:automation-definition/${names.drillDocument}:*`
  const director = roleArn(account, names.role)
  const role = new Role(stack, 'SchedulerRole', {
    roleName: names.schedulerRole,
    description: 'Starts the document that runs drills, and nothing else',
    assumedBy: new ServicePrincipal('scheduler.amazonaws.com', {
      conditions: {
        StringEquals: {
          'aws:SourceAccount': account,
          'aws:SourceArn': `arn:aws:scheduler:${region}:${account}:schedule-group/${names.scheduleGroup}`,
        },
      },
    }),
  })
  role.addToPolicy(new PolicyStatement({ sid: 'StartDrills', actions: ['ssm:StartAutomationExecution'], resources: [document] }))
  role.addToPolicy(
    new PolicyStatement({
      sid: 'AsDirector',
      actions: ['iam:PassRole'],
      resources: [director],
      conditions: { StringEquals: { 'iam:PassedToService': 'ssm.amazonaws.com' } },
    }),
  )
  acknowledge(role, {
    [`AwsSolutions-IAM5[Resource::${document}]`]: 'the last part is the version of the document, whichever is the default',
    [`Aegis-RoleStaysInRegion[Resource::${director}]`]: 'the name of a role has no region, and the director starts in this one alone',
  })
  acknowledgeOwnPolicy(role)
  const group = new CfnScheduleGroup(stack, 'Schedules', { name: names.scheduleGroup })
  for (const { region: faulted } of regionsOf(deployment)) {
    for (const drill of DRILLS) {
      const schedule = new CfnSchedule(stack, `Schedule-${drill}-${faulted}`, {
        name: names.schedule(drill, faulted),
        groupName: names.scheduleGroup,
        description: `Drill ${drill} on ${faulted}`,
        state: 'DISABLED',
        scheduleExpression: deployment.drills.schedule,
        scheduleExpressionTimezone: 'UTC',
        flexibleTimeWindow: { mode: 'OFF' },
        target: {
          arn: 'arn:aws:scheduler:::aws-sdk:ssm:startAutomationExecution',
          roleArn: role.roleArn,
          // A drill that could not start in time is not made up for at another.
          retryPolicy: { maximumRetryAttempts: 0 },
          input: JSON.stringify({
            DocumentName: names.drillDocument,
            Parameters: {
              Drill: [drill],
              FaultedRegion: [faulted],
              Reason: ['scheduled'],
              AskedBy: ['schedule'],
              AutomationAssumeRole: [director],
            },
          }),
        },
      })
      schedule.addResourceDependency(group)
    }
  }
}
