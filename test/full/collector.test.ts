import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, afterEach, beforeAll, expect, test } from '@jest/globals'
import { COLLECTOR_PORTS, collectorConfig, EXPORT_ENVIRONMENT, QUEUE_DIR } from '../../config/collector.ts'
import { deployment as input } from '../../config/deployment.ts'
import { resolveDeployment } from '../../config/resolve.ts'
import { freePort } from './support/foreign-server.ts'
import { suiteNeeding } from './support/needs.ts'

// The configuration of the collector beside a gateway, in a collector whose core and queue are the real ones. Its exporters to AWS are
// stand-ins (support/collector/main.go): that CloudWatch and X-Ray take what the real ones send is not shown here.
const collector = process.env.AEGIS_COLLECTOR
const suite = suiteNeeding('collector', collector)
const TELEMETRY = new URL('../../runtime/telemetry/telemetry.ts', import.meta.url).href
const WAIT_MS = 60_000

suite('the collector', () => {
  const deployment = resolveDeployment(input)
  const received: { path: string; body: string }[] = []
  let outage = false
  let sink: Server
  let directory: string
  let ports: Record<keyof typeof COLLECTOR_PORTS, number>
  let config: string
  let running: ChildProcess | undefined

  beforeAll(async () => {
    sink = createServer(async (request, response) => {
      const chunks: Buffer[] = []
      for await (const chunk of request) chunks.push(chunk)
      if (!outage) received.push({ path: request.url ?? '', body: Buffer.concat(chunks).toString() })
      response.writeHead(outage ? 503 : 200).end()
    })
    await new Promise<void>((resolve) => sink.listen(0, '127.0.0.1', resolve))
    directory = mkdtempSync(join(tmpdir(), 'aegis-collector-'))
    const [otlp, relay, health] = await Promise.all([freePort(), freePort(), freePort()])
    ports = { otlp, relay, health }
    // The very configuration of the template, but for places of this machine.
    config = Object.entries(COLLECTOR_PORTS).reduce(
      (text, [name, port]) => text.replaceAll(`127.0.0.1:${port}`, `127.0.0.1:${ports[name as keyof typeof ports]}`),
      collectorConfig(deployment, 'eu-west-1', 'eu').replaceAll(QUEUE_DIR, directory),
    )
  })

  afterEach(async () => {
    await end('SIGTERM')
    received.length = 0
    outage = false
  })

  afterAll(async () => {
    rmSync(directory, { recursive: true, force: true })
    sink.closeAllConnections()
    await new Promise<void>((resolve) => sink.close(() => resolve()))
  })

  async function start(text = config): Promise<void> {
    running = spawn(collector ?? '', ['--config=env:COLLECTOR_CONFIG'], {
      env: { COLLECTOR_CONFIG: text, STAND_IN_URL: `http://127.0.0.1:${(sink.address() as AddressInfo).port}` },
      stdio: 'ignore',
    })
    await until(async () => (await fetch(`http://127.0.0.1:${ports.health}/`).catch(() => undefined))?.status === 200)
  }

  async function end(signal: NodeJS.Signals): Promise<void> {
    const process = running
    running = undefined
    if (process === undefined || process.exitCode !== null) return
    const ended = new Promise((resolve) => process.once('exit', resolve))
    process.kill(signal)
    await ended
  }

  /** A gateway's telemetry, from a process with the variables of its task, which ends when all is exported. */
  function decide(calls: number): void {
    const program = `
      const { decisionTelemetry, startTelemetry } = await import(${JSON.stringify(TELEMETRY)})
      const stop = await startTelemetry({ serviceName: 'aegis-gateway', version: '1', region: 'eu-west-1', zone: 'eu', environment: 'prod' })
      const telemetry = decisionTelemetry('eu-west-1')
      for (let call = 0; call < ${calls}; call++)
        telemetry.end(telemetry.start({}), {
          door: 'http', decision: 'allow', enforced: 'allow', mode: 'enforce', tool: 'crm', action: 'read', policyVersion: 'x',
          tenantZone: 'eu', routeRegion: 'eu-west-1', decisionId: 'dec', codes: [], durationMs: 1 + call,
        })
      await stop()
    `
    const { status, stderr } = spawnSync(process.execPath, ['--input-type=module', '--eval', program], {
      env: {
        ...process.env,
        ...EXPORT_ENVIRONMENT,
        OTEL_EXPORTER_OTLP_ENDPOINT: `http://127.0.0.1:${ports.otlp}`,
        OTEL_TRACES_SAMPLER: 'always_on',
        NODE_OPTIONS: '',
      },
      encoding: 'utf8',
      timeout: WAIT_MS,
    })
    expect([status, stderr.includes('telemetry_not_exported')]).toEqual([0, false])
  }

  const arrived = (path: string) => received.filter((one) => one.path === path).map(({ body }) => body)

  test(
    'accepts our configuration, and says so of none that it does not know',
    () => {
      const validate = (text: string) =>
        spawnSync(collector ?? '', ['validate', '--config=env:COLLECTOR_CONFIG'], { env: { COLLECTOR_CONFIG: text }, encoding: 'utf8' })
      expect(validate(config)).toMatchObject({ status: 0 })
      const planted = {
        ...JSON.parse(config),
        exporters: { ...JSON.parse(config).exporters, awsemf: { region: 'eu-west-1', planted: true } },
      }
      expect(validate(JSON.stringify(planted))).toMatchObject({ status: 1, stderr: expect.stringContaining('planted') })
    },
    WAIT_MS,
  )

  test(
    'carries what a gateway reports, with durations as CloudWatch needs them for percentiles',
    async () => {
      await start()
      decide(10)
      await until(() => arrived('/metrics').length > 0 && arrived('/traces').length > 0)
      const metrics = arrived('/metrics').join()
      expect(metrics).toContain('aws.ecs.task.id')
      expect(metrics).toMatch(/"aegis\.decision\.duration".{0,300}"exponentialHistogram":\{/)
      expect(metrics).toMatch(/"exponentialHistogram":.{0,3000}"aggregationTemporality":1/)
      expect(
        arrived('/traces')
          .join()
          .match(/execute_tool crm/g),
      ).toHaveLength(10)
    },
    2 * WAIT_MS,
  )

  /** AWS is away when a gateway reports, the collector is killed, and then both are there again. */
  async function reportInOutage(text: string): Promise<void> {
    outage = true
    await start(text)
    decide(7)
    // Long enough for the batch to be in the queue, and refused.
    await sleep(8000)
    await end('SIGKILL')
    expect(received).toEqual([])
    outage = false
    await start(text)
  }

  test(
    'loses nothing when AWS is away and it is killed meanwhile',
    async () => {
      await reportInOutage(config)
      await until(() => arrived('/metrics').length > 0 && arrived('/traces').length > 0)
      expect(
        arrived('/traces')
          .join()
          .match(/execute_tool crm/g),
      ).toHaveLength(7)
      expect(arrived('/metrics').join()).toContain('aegis.decisions')
    },
    3 * WAIT_MS,
  )

  test(
    'would be seen to lose what a queue in memory holds',
    async () => {
      const forgetful = JSON.parse(config)
      delete forgetful.exporters['otlp/queue'].sending_queue.storage
      await reportInOutage(JSON.stringify(forgetful))
      // The one before was there within a retry of one second.
      await sleep(5000)
      expect(received).toEqual([])
    },
    3 * WAIT_MS,
  )
})

async function until(holds: () => boolean | Promise<boolean>): Promise<void> {
  const deadline = Date.now() + WAIT_MS
  while (!(await holds())) {
    if (Date.now() > deadline) throw new Error('it did not happen')
    await sleep(100)
  }
}
