import { readFileSync } from 'node:fs'
import { Metric, Stats } from 'aws-cdk-lib/aws-cloudwatch'
import { PolicyStatement, Role, ServicePrincipal } from 'aws-cdk-lib/aws-iam'
import { BucketEncryption } from 'aws-cdk-lib/aws-s3'
import { CfnCanary, Runtime } from 'aws-cdk-lib/aws-synthetics'
import { Duration } from 'aws-cdk-lib/core'
import { Construct } from 'constructs'
import { publicNames, watchNames } from '../../config/names.ts'
import { type Deployment, regionsOf } from '../../config/schema.ts'
import { acknowledge, acknowledgeOwnPolicy, inStandards } from '../nag/acknowledge.ts'
import { bucketArn, roleArn } from './arns.ts'
import { denyObjectsUnlessRole, privateBucket } from './private-bucket.ts'

export interface ProbeProps {
  readonly deployment: Deployment
  /** Where it calls from. */
  readonly region: string
}

/** One call of every run, and what its answer must be. */
interface ProbeTarget {
  /** Becomes the value of the metric's dimension `StepName`. */
  readonly step: string
  readonly url: string
  readonly method?: 'POST'
  readonly body?: string
  readonly expect: number
}

/** Names of the steps, by which alarms and graphs find their metrics. */
export const probeStep = {
  region: (region: string) => `region ${region}`,
  refusal: (region: string) => `refusal ${region}`,
  zone: (zone: string) => `zone ${zone}`,
  global: 'global',
} as const

/**
 * Calls every region, zone and the global name from outside, as a stranger: whether they answer, and whether they refuse who has no token. Its
 * script stands in the template, so that deploying it takes no asset.
 */
export class Probe extends Construct {
  constructor(scope: Construct, id: string, { deployment, region }: ProbeProps) {
    super(scope, id)
    const names = watchNames(deployment, region)
    const { workload: account } = deployment.accounts
    const bucket = privateBucket(this, 'ProbeBucket', {
      bucketName: names.probeBucket,
      encryption: BucketEncryption.S3_MANAGED,
      lifecycleRules: [{ expiration: Duration.days(30), noncurrentVersionExpiration: Duration.days(1) }],
    })
    bucket.addToResourcePolicy(
      denyObjectsUnlessRole(names.probeBucket, 'OnlyProbeWrites', ['s3:PutObject'], [roleArn(account, names.probeRole)]),
    )
    acknowledge(bucket, {
      'AwsSolutions-S1': 'it holds what a stranger saw of public names, for a month; who reads that is of no interest',
      ...inStandards({
        S3BucketLoggingEnabled: 'it holds what a stranger saw of public names, for a month; who reads that is of no interest',
        S3BucketReplicationEnabled: 'the probe of the other watching region sees the same',
        S3DefaultEncryptionKMS: 'what anybody can ask for needs no key',
      }),
    })
    const role = probeRole(this, deployment, region)
    const canary = new CfnCanary(this, 'Canary', {
      name: names.probe,
      runtimeVersion: Runtime.SYNTHETICS_NODEJS_PUPPETEER_13_0.name,
      code: { handler: 'index.handler', script: `const TARGETS = ${JSON.stringify(targets(deployment))}\n${SCRIPT}` },
      artifactS3Location: `s3://${names.probeBucket}/runs`,
      executionRoleArn: role.roleArn,
      schedule: { expression: rateOf(deployment.observability.probeIntervalMin), durationInSeconds: '0' },
      runConfig: { timeoutInSeconds: 60, memoryInMb: 960, activeTracing: false },
      successRetentionPeriod: 7,
      failureRetentionPeriod: 30,
      startCanaryAfterCreation: true,
      provisionedResourceCleanup: 'AUTOMATIC',
    })
    canary.node.addDependency(role, bucket)
  }
}

const SCRIPT = readFileSync(new URL('../probe/probe.cjs', import.meta.url), 'utf8')

/** EventBridge knows `minute` and `minutes`, and takes each for its own number alone. */
function rateOf(minutes: number): string {
  return `rate(${minutes} ${minutes === 1 ? 'minute' : 'minutes'})`
}

function targets(deployment: Deployment): ProbeTarget[] {
  const names = publicNames(deployment)
  const health = (url: string, step: string): ProbeTarget => ({ step, url: `${url}/health/region`, expect: 200 })
  return [
    ...regionsOf(deployment).flatMap(({ region }): ProbeTarget[] => [
      health(names.regionUrl(region), probeStep.region(region)),
      // The one call that must never be answered: without a token.
      { step: probeStep.refusal(region), url: `${names.regionUrl(region)}/v1/decisions`, method: 'POST', body: '{}', expect: 401 },
    ]),
    ...Object.keys(deployment.zones).map((zone) => health(names.zoneUrl(zone), probeStep.zone(zone))),
    health(names.globalUrl, probeStep.global),
  ]
}

/** Share of a step's runs that went well, in percent. */
export function probeSuccess(deployment: Deployment, watching: string, step: string, period: Duration): Metric {
  return new Metric({
    namespace: 'CloudWatchSynthetics',
    metricName: 'SuccessPercent',
    dimensionsMap: { CanaryName: watchNames(deployment, watching).probe, StepName: step },
    statistic: Stats.AVERAGE,
    period,
    region: watching,
  })
}

/** What a canary needs, as the CloudWatch user guide lists it under "Required roles and permissions for canaries". */
function probeRole(scope: Construct, deployment: Deployment, region: string): Role {
  const names = watchNames(deployment, region)
  const { workload: account } = deployment.accounts
  const runs = `${bucketArn(names.probeBucket)}/runs/*`
  const logs = `arn:aws:logs:${region}:${account}:log-group:/aws/lambda/cwsyn-${names.probe}-*`
  const role = new Role(scope, 'Role', {
    roleName: names.probeRole,
    description: `Calls the public names from ${region} and writes down what was answered`,
    assumedBy: new ServicePrincipal('lambda.amazonaws.com'),
  })
  const allow = (sid: string, actions: string[], resources: string[], conditions?: Record<string, Record<string, string>>) =>
    role.addToPolicy(new PolicyStatement({ sid, actions, resources, ...(conditions && { conditions }) }))
  allow('WriteRuns', ['s3:PutObject'], [runs])
  allow('FindBucket', ['s3:GetBucketLocation'], [bucketArn(names.probeBucket)])
  allow('WriteLogs', ['logs:CreateLogGroup', 'logs:CreateLogStream', 'logs:PutLogEvents'], [logs])
  allow('WriteMetrics', ['cloudwatch:PutMetricData'], ['*'], {
    StringEquals: { 'cloudwatch:namespace': 'CloudWatchSynthetics', 'aws:RequestedRegion': region },
  })
  acknowledge(role, {
    [`AwsSolutions-IAM5[Resource::${runs}]`]: 'Synthetics names its objects by the time of the run',
    [`AwsSolutions-IAM5[Resource::${logs}]`]: 'Synthetics ends the name of the log group with an id of its own',
    'AwsSolutions-IAM5[Resource::*]': 'metrics have no resource to name; the condition leaves the namespace of Synthetics',
  })
  acknowledgeOwnPolicy(role)
  return role
}
