import { describe, expect, it } from '@jest/globals'
import { Template } from 'aws-cdk-lib/assertions'
import { Repository } from 'aws-cdk-lib/aws-ecr'
import { ContainerImage, CpuArchitecture, FargateTaskDefinition, LogDrivers, OperatingSystemFamily } from 'aws-cdk-lib/aws-ecs'
import { PolicyStatement } from 'aws-cdk-lib/aws-iam'
import { LogGroup } from 'aws-cdk-lib/aws-logs'
import { CfnParameter, Duration, Stack } from 'aws-cdk-lib/core'
import { AwsSolutionsChecks } from 'cdk-nag'
import { AegisSidecar, AegisSidecarError, type AegisSidecarProps } from '../../lib/constructs/aegis-sidecar.ts'
import { imageOf } from '../../lib/constructs/images.ts'
import { KNOWN_VARIABLES, loadConfig } from '../../runtime/sidecar/config.ts'
import { smallApp } from '../support/small-app.ts'

const GATEWAY = 'https://eu.agents.example.com'
const IMAGE = ContainerImage.fromRegistry('000000000000.dkr.ecr.eu-west-1.amazonaws.com/aegis@sha256:00')

type Plant = (task: { stack: Stack; definition: FargateTaskDefinition; sidecar: AegisSidecar }) => void
type Changed = Partial<AegisSidecarProps> | ((stack: Stack) => Partial<AegisSidecarProps>)

/** An agent's task as an adopter may have it, with rights of its own; `undefined`: without the sidecar. */
function task(changed: Changed | undefined, plant: Plant = () => {}, { judged = false } = {}) {
  const app = smallApp({ builtinCloudFormationValidation: judged })
  const stack = new Stack(app, 'agent', { env: { account: '111111111111', region: 'eu-west-1' } })
  const logGroup = new LogGroup(stack, 'Logs')
  const definition = new FargateTaskDefinition(stack, 'Task', {
    cpu: 512,
    memoryLimitMiB: 1024,
    runtimePlatform: { cpuArchitecture: CpuArchitecture.ARM64, operatingSystemFamily: OperatingSystemFamily.LINUX },
  })
  definition.addToTaskRolePolicy(new PolicyStatement({ actions: ['s3:GetObject'], resources: ['arn:aws:s3:::agents-own/one-object'] }))
  const agent = definition.addContainer('agent', {
    image: ContainerImage.fromRegistry('agent'),
    logging: LogDrivers.awsLogs({ logGroup, streamPrefix: 'agent' }),
  })
  if (changed !== undefined) {
    const more = typeof changed === 'function' ? changed(stack) : changed
    const sidecar = new AegisSidecar(stack, 'Sidecar', { definition, image: IMAGE, gatewayUrl: GATEWAY, logGroup, ...more })
    sidecar.openTo(agent)
    plant({ stack, definition, sidecar })
  }
  return { app, stack, template: Template.fromStack(stack).toJSON() as { Resources: Record<string, Resource> } }
}

interface Resource {
  Type: string
  Properties?: Record<string, unknown>
}
interface Container {
  Name: string
  Environment?: { Name: string; Value: unknown }[]
  [property: string]: unknown
}

/** Everything of a task but its containers: the roles and what they may do above all. */
function besides({ template }: ReturnType<typeof task>) {
  return Object.entries(template.Resources).map(([id, { Type, Properties = {} }]) => {
    const { ContainerDefinitions: _, ...rest } = Properties
    return { id, Type, Properties: rest }
  })
}

function containers({ template }: ReturnType<typeof task>): Record<string, Container> {
  const definition = Object.values(template.Resources).find(({ Type }) => Type === 'AWS::ECS::TaskDefinition')
  const all = (definition?.Properties?.ContainerDefinitions ?? []) as Container[]
  return Object.fromEntries(all.map((container) => [container.Name, container]))
}

describe('the rights of a task', () => {
  const without = besides(task(undefined))

  it('are the same with the sidecar as without, as is everything else of it', () => {
    expect(
      without
        .map(({ Type }) => Type)
        .filter((type) => type.startsWith('AWS::IAM::'))
        .toSorted(),
    ).toEqual(['AWS::IAM::Policy', 'AWS::IAM::Policy', 'AWS::IAM::Role', 'AWS::IAM::Role'])
    expect(besides(task({}))).toEqual(without)
    expect(besides(task({ essential: false, port: 9000, answerTimeout: Duration.seconds(60) }))).toEqual(without)
  })

  it("are the same with the gateway's image as Aegis builds it", () => {
    expect(besides(task((stack) => ({ image: imageOf(stack, 'gateway') })))).toEqual(without)
  })

  it.each<[string, Changed, Plant]>([
    [
      'a right of the task role',
      {},
      ({ definition }) => definition.addToTaskRolePolicy(new PolicyStatement({ actions: ['kms:Sign'], resources: ['*'] })),
    ],
    [
      'a right of the execution role',
      {},
      ({ definition }) =>
        definition.addToExecutionRolePolicy(new PolicyStatement({ actions: ['secretsmanager:GetSecretValue'], resources: ['*'] })),
    ],
    [
      'a log driver that grants',
      {},
      ({ stack, definition }) => void LogDrivers.awsLogs({ streamPrefix: 'a' }).bind(stack, definition.defaultContainer as never),
    ],
    [
      'an image that grants',
      (stack) => ({ image: ContainerImage.fromEcrRepository(Repository.fromRepositoryName(stack, 'Repository', 'a')) }),
      () => {},
    ],
  ])('are seen to be others with %s', (_what, changed, plant) => {
    expect(besides(task(changed, plant))).not.toEqual(without)
  })
})

describe('the container', () => {
  const { agent, aegis } = containers(task({}))

  it('is the doors alone, unprivileged, on a root that nobody writes to', () => {
    expect(aegis).toMatchObject({
      Command: ['node', 'runtime/sidecar/server.ts'],
      Essential: true,
      User: '1000:1000',
      ReadonlyRootFilesystem: true,
      LinuxParameters: { Capabilities: { Drop: ['ALL'] }, InitProcessEnabled: true },
      Cpu: 64,
      Memory: 256,
    })
    expect(aegis).not.toHaveProperty('Secrets')
    expect(aegis).not.toHaveProperty('MountPoints')
    expect(aegis).not.toHaveProperty('Privileged')
    // On loopback there is nothing to map.
    expect(aegis).not.toHaveProperty('PortMappings')
  })

  it('says to the sidecar what it understands, and nothing more', () => {
    const environment = Object.fromEntries((aegis?.Environment ?? []).map(({ Name, Value }) => [Name, String(Value)]))
    expect(Object.keys(environment).filter((name) => !KNOWN_VARIABLES.includes(name))).toEqual([])
    expect(loadConfig(environment)).toMatchObject({ gatewayUrl: GATEWAY, port: 8460, answerTimeoutMs: 45_000 })
    const slower = containers(task({ answerTimeout: Duration.minutes(1) })).aegis?.Environment
    expect(slower).toContainEqual({ Name: 'AEGIS_ANSWER_TIMEOUT_MS', Value: '60000' })
  })

  it('is healthy when its own door answers, and the agent starts then, knowing where it is', () => {
    expect(aegis?.HealthCheck).toMatchObject({
      Command: ['CMD', 'node', '-e', expect.stringContaining('http://127.0.0.1:8460/health/live')],
    })
    expect(agent).toMatchObject({
      DependsOn: [{ ContainerName: 'aegis', Condition: 'HEALTHY' }],
      Environment: [{ Name: 'AEGIS_URL', Value: 'http://127.0.0.1:8460' }],
    })
  })

  it('comes back inside the task where the task may go on without it', () => {
    expect(containers(task({ essential: false })).aegis).toMatchObject({ Essential: false, RestartPolicy: { Enabled: true } })
    expect(aegis).not.toHaveProperty('RestartPolicy')
  })
})

it('breaks no rule of CloudFormation, and leaves AwsSolutions one finding, about variables that are no secrets', () => {
  const findings = (changed: Changed | undefined) =>
    new AwsSolutionsChecks()
      .validateScope(task(changed, undefined, { judged: changed !== undefined }).app)
      .violations.map(({ ruleName }) => ruleName)
  expect(findings(undefined)).toEqual([])
  expect(findings({})).toEqual(['AwsSolutions-ECS2'])
})

describe('the sidecar', () => {
  it.each<[string, Changed, RegExp]>([
    ['http', { gatewayUrl: 'http://eu.agents.example.com' }, /^gatewayUrl: http:/],
    ['a path', { gatewayUrl: `${GATEWAY}/v1` }, /^gatewayUrl: /],
    ['a user', { gatewayUrl: 'https://a:b@eu.agents.example.com' }, /^gatewayUrl: /],
    ['no URL', { gatewayUrl: 'eu' }, /^gatewayUrl: eu is not/],
    [
      'a URL of the deployment',
      (stack) => ({ gatewayUrl: new CfnParameter(stack, 'Url').valueAsString }),
      /^gatewayUrl: a value that is known at/,
    ],
    ['a port of the system', { port: 443 }, /^port: 443 /],
    ['half a port', { port: 8460.5 }, /^port: 8460.5 /],
    ['more time than the sidecar knows', { answerTimeout: Duration.seconds(121) }, /^answerTimeout: 121000 ms is not/],
    ['no time', { answerTimeout: Duration.seconds(0) }, /^answerTimeout: 0 ms is not/],
    ['half a millisecond', { answerTimeout: Duration.millis(0.5) }, /^answerTimeout: 0.5 ms is not/],
  ])('refuses %s in one line', (_what, changed, line) => {
    const make = () => task(changed)
    expect(make).toThrow(AegisSidecarError)
    expect(make).toThrow(line)
    expect(make).not.toThrow(/\n/)
  })
})
