// Made to be taken out: this file needs aws-cdk-lib and constructs, and nothing else of Aegis. Copy it as it is. The image that it runs is the
// gateway's: here `imageOf(scope, 'gateway')` of images.ts, elsewhere whatever registry you keep a copy of that image in.
import {
  Capability,
  type ContainerDefinition,
  ContainerDependencyCondition,
  type ContainerImage,
  type FargateTaskDefinition,
  GenericLogDriver,
  LinuxParameters,
} from 'aws-cdk-lib/aws-ecs'
import type { ILogGroup } from 'aws-cdk-lib/aws-logs'
import { Duration, Stack, Token } from 'aws-cdk-lib/core'
import { Construct } from 'constructs'

export interface AegisSidecarProps {
  /** The agent's task, for ARM64 as the image is. */
  readonly definition: FargateTaskDefinition
  /**
   * The gateway's image, by its URI: `ContainerImage.fromRegistry`, or `imageOf`. Of CDK's other ways some give the execution role the
   * right to pull it, which is more than this construct gives.
   */
  readonly image: ContainerImage
  /** Where the doors lead: URL of the zone, the global one or that of a region, as a literal. `https://eu.agents.example.com`. */
  readonly gatewayUrl: string
  /**
   * Where the sidecar says why it refused: the group of the agent's own container. The execution role must be able to write there already, as
   * nothing is granted here.
   */
  readonly logGroup: ILogGroup
  /**
   * Port on 127.0.0.1, which no other container of the task uses: 1024 to 65535.
   * @default 8460
   */
  readonly port?: number
  /** @default 'aegis' */
  readonly containerName?: string
  /**
   * Whether the task ends with the sidecar. Without it the agent's calls fail, whatever this says.
   * @default true
   */
  readonly essential?: boolean
  /**
   * Share of the task's CPU units that is kept for it.
   * @default 64
   */
  readonly cpu?: number
  /**
   * MiB of the task's memory that it ends at.
   * @default 256
   */
  readonly memoryLimitMiB?: number
  /**
   * How long the gateway has for a whole answer: up to two minutes.
   * @default Duration.seconds(45)
   */
  readonly answerTimeout?: Duration
}

export class AegisSidecarError extends Error {
  override name = 'AegisSidecarError'
}

const ANSWER_TIMEOUT_MAX_MS = 120_000
const PROGRAM = ['node', 'runtime/sidecar/server.ts']

/**
 * The doors of Aegis beside an agent, on the loopback of its task: what is asked there goes to the gateway, and when no answer comes back it
 * is refused. It decides nothing and holds no secret. It needs no right in AWS and gets none here; but every container of a Fargate task has
 * the task's role, so nothing in it is a boundary against the agent: docs/sidecar.md.
 * @throws AegisSidecarError one line, for a URL, port or timeout that it cannot work with
 */
export class AegisSidecar extends Construct {
  readonly container: ContainerDefinition
  /** Where the agent finds the doors: `http://127.0.0.1:<port>`. */
  readonly url: string

  constructor(scope: Construct, id: string, props: AegisSidecarProps) {
    super(scope, id)
    const { definition, image, gatewayUrl, logGroup, port = 8460, containerName = 'aegis', essential = true } = props
    refuseUrl(gatewayUrl)
    if (!Number.isInteger(port) || port < 1024 || port > 65535)
      throw new AegisSidecarError(`port: ${port} is not a whole number from 1024 to 65535; below that the sidecar has no right to listen`)
    const { answerTimeout } = props
    refuseTimeout(answerTimeout)
    this.url = `http://127.0.0.1:${port}`
    const linuxParameters = new LinuxParameters(this, 'Linux', { initProcessEnabled: true })
    linuxParameters.dropCapabilities(Capability.ALL)
    this.container = definition.addContainer(containerName, {
      containerName,
      image,
      command: PROGRAM,
      environment: {
        AEGIS_GATEWAY_URL: gatewayUrl,
        AEGIS_SIDECAR_PORT: String(port),
        ...(answerTimeout !== undefined && { AEGIS_ANSWER_TIMEOUT_MS: String(answerTimeout.toMilliseconds()) }),
      },
      essential,
      // One that may be lost comes back inside the task; one that may not takes the task along.
      ...(!essential && { enableRestartPolicy: true }),
      cpu: props.cpu ?? 64,
      memoryLimitMiB: props.memoryLimitMiB ?? 256,
      readonlyRootFilesystem: true,
      user: '1000:1000',
      linuxParameters,
      healthCheck: {
        command: ['CMD', 'node', '-e', `fetch('${this.url}/health/live').then(r=>process.exit(r.ok?0:1),()=>process.exit(1))`],
        interval: Duration.seconds(10),
        timeout: Duration.seconds(5),
        retries: 3,
        startPeriod: Duration.seconds(30),
      },
      // Whoever waits for it gives up after this, and the task ends.
      startTimeout: Duration.seconds(120),
      // CDK's own driver for this would let the execution role write to the group.
      logging: new GenericLogDriver({
        logDriver: 'awslogs',
        options: {
          'awslogs-group': logGroup.logGroupName,
          'awslogs-region': Stack.of(this).region,
          'awslogs-stream-prefix': containerName,
          mode: 'non-blocking',
        },
      }),
    })
  }

  /** Tells a container of the task where the doors are, as `AEGIS_URL`, and starts it only when they are open. */
  openTo(app: ContainerDefinition): void {
    app.addEnvironment('AEGIS_URL', this.url)
    app.addContainerDependencies({ container: this.container, condition: ContainerDependencyCondition.HEALTHY })
  }
}

function refuseTimeout(timeout: Duration | undefined): void {
  if (timeout === undefined) return
  const milliseconds = timeout.isUnresolved() ? Number.NaN : timeout.toMilliseconds({ integral: false })
  // The sidecar would refuse to start, and only its log would say why.
  if (!(Number.isInteger(milliseconds) && milliseconds >= 1 && milliseconds <= ANSWER_TIMEOUT_MAX_MS))
    throw new AegisSidecarError(
      `answerTimeout: ${timeout.isUnresolved() ? 'a value that is known at deployment only' : `${milliseconds} ms`} is not from 1 to ${ANSWER_TIMEOUT_MAX_MS} ms`,
    )
}

function refuseUrl(gatewayUrl: string): void {
  const url = Token.isUnresolved(gatewayUrl) ? null : URL.parse(gatewayUrl)
  // The sidecar checks the same, and would only say so in its log.
  if (url?.protocol !== 'https:' || url.href !== `${url.origin}/`)
    throw new AegisSidecarError(
      `gatewayUrl: ${Token.isUnresolved(gatewayUrl) ? 'a value that is known at deployment only' : gatewayUrl} is not https, host and port alone, such as https://eu.agents.example.com`,
    )
}
