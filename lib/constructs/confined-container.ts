import {
  AwsLogDriverMode,
  Capability,
  type ContainerDefinitionOptions,
  type HealthCheck,
  LinuxParameters,
  LogDrivers,
} from 'aws-cdk-lib/aws-ecs'
import type { ILogGroup } from 'aws-cdk-lib/aws-logs'
import { Duration } from 'aws-cdk-lib/core'
import type { Construct } from 'constructs'

/**
 * What every container of ours is, to be spread into its definition: a root that nobody writes to, no Linux capability, an unprivileged user, and
 * a log that never holds it up: lines that do not leave in time are lost. A path that it may write is a volume, which the image must declare as
 * this user's, or ECS mounts it as root's.
 */
export function confined(scope: Construct, { logGroup, streamPrefix }: { readonly logGroup: ILogGroup; readonly streamPrefix: string }) {
  const linuxParameters = new LinuxParameters(scope, 'Linux', { initProcessEnabled: true })
  linuxParameters.dropCapabilities(Capability.ALL)
  return {
    readonlyRootFilesystem: true,
    // Unprivileged, in the official Node images and in the collector's.
    user: '1000:1000',
    linuxParameters,
    logging: LogDrivers.awsLogs({ logGroup, streamPrefix, mode: AwsLogDriverMode.NON_BLOCKING }),
  } satisfies Partial<ContainerDefinitionOptions>
}

/** A container asks itself, by Node, as the image has no other client. `startPeriod`: how long no answer is no fault yet. */
export function asksItself({ port, path, startPeriod }: { port: number; path: string; startPeriod: Duration }): HealthCheck {
  return {
    command: ['CMD', 'node', '-e', `fetch('http://127.0.0.1:${port}${path}').then(r=>process.exit(r.ok?0:1),()=>process.exit(1))`],
    interval: Duration.seconds(10),
    timeout: Duration.seconds(5),
    retries: 3,
    startPeriod,
  }
}
