import { COLLECTOR_CPU, COLLECTOR_MEMORY_MIB, COLLECTOR_PORTS, EXPORT_ENVIRONMENT, QUEUE_DIR } from '../../../config/collector.ts'
import { cellNames, stackNames } from '../../../config/names.ts'
import { regionsOf } from '../../../config/schema.ts'
import { emfExporter } from '../../../config/telemetry.ts'
import { resourcesOf, type Synthesized, theResource } from '../synthesized.ts'

interface Container {
  Name: string
  // biome-ignore lint/suspicious/noExplicitAny: a template is JSON of whatever shape its type has
  [property: string]: any
}

export function collectorSuite({ deployment, templates, assets }: Synthesized): void {
  const cells = regionsOf(deployment).map(({ region, zone }) => {
    const template = templates.get(stackNames(deployment).gateway(region))
    const { Properties: task } = theResource(template, 'AWS::ECS::TaskDefinition')
    const container = (name: string) => task.ContainerDefinitions.find(({ Name }: Container) => Name === name) as Container
    const collector = container('collector')
    const config = JSON.parse(collector.Environment.find(({ Name }: Container) => Name === 'COLLECTOR_CONFIG').Value)
    return { region, zone, cell: cellNames(deployment, region, zone), template, task, gateway: container('gateway'), collector, config }
  })

  it('runs beside every gateway from an image of its own region, at the pinned version', () => {
    for (const { region, cell, task, collector } of cells) {
      expect(task.ContainerDefinitions).toHaveLength(2)
      const images = assets
        .get(stackNames(deployment).gateway(region))
        ?.images.filter(({ dockerFile }) => dockerFile === 'runtime/collector/Dockerfile')
      expect(images).toMatchObject([{ region, repository: `cdk-hnb659fds-container-assets-${cell.account}-${region}` }])
      expect(JSON.stringify(collector.Image)).toContain(`:${images?.[0]?.tag}`)
      expect(collector.Command).toEqual(['--config=env:COLLECTOR_CONFIG'])
    }
  })

  it('never takes a gateway along: not essential, nobody waits for it, and it starts again by itself', () => {
    for (const { gateway, collector } of cells) {
      expect([gateway.Essential, collector.Essential]).toEqual([true, false])
      expect([gateway.DependsOn, collector.DependsOn]).toEqual([undefined, undefined])
      expect(collector.RestartPolicy).toEqual({ Enabled: true, RestartAttemptPeriod: 60 })
      expect(collector.HealthCheck.Command).toEqual(['CMD', '/healthcheck'])
    }
  })

  it('can take neither memory nor processor that a gateway needs', () => {
    for (const { task, gateway, collector } of cells) {
      expect(collector).toMatchObject({ Memory: COLLECTOR_MEMORY_MIB.limit, Cpu: COLLECTOR_CPU })
      expect(gateway.Cpu + collector.Cpu).toBe(Number(task.Cpu))
      expect(gateway.Cpu).toBeGreaterThan(10 * collector.Cpu)
      expect(COLLECTOR_MEMORY_MIB.refuseAt + COLLECTOR_MEMORY_MIB.spike).toBeLessThan(COLLECTOR_MEMORY_MIB.limit)
      expect(collector.Memory).toBeLessThanOrEqual(Number(task.Memory) / 4)
    }
  })

  it('has a read-only root, an unprivileged user, no capability, and a volume for its queue that the gateway has not', () => {
    for (const { task, gateway, collector } of cells) {
      expect(collector).toMatchObject({
        ReadonlyRootFilesystem: true,
        User: '1000:1000',
        LinuxParameters: { Capabilities: { Drop: ['ALL'] } },
        MountPoints: [{ ContainerPath: QUEUE_DIR, ReadOnly: false, SourceVolume: 'telemetry' }],
      })
      expect(collector.Privileged).toBeUndefined()
      expect(collector.Secrets).toBeUndefined()
      expect(gateway.MountPoints.map(({ SourceVolume }: Container) => SourceVolume)).toEqual(['spool'])
      expect(task.Volumes.map(({ Name }: Container) => Name)).toEqual(['spool', 'telemetry'])
    }
  })

  it('listens on loopback alone, where the gateway exports to', () => {
    for (const { collector, config } of cells) {
      expect(collector.PortMappings).toBeUndefined()
      const listening = [
        config.receivers.otlp.protocols.http.endpoint,
        config.receivers['otlp/relay'].protocols.grpc.endpoint,
        config.extensions.health_check.endpoint,
      ]
      expect(listening).toEqual(Object.values(COLLECTOR_PORTS).map((port) => `127.0.0.1:${port}`))
      expect(EXPORT_ENVIRONMENT.OTEL_EXPORTER_OTLP_ENDPOINT).toBe(`http://${listening[0]}`)
    }
  })

  it('queues everything on disk, in front of exporters that have no queue', () => {
    for (const { config } of cells) {
      const { extensions, exporters, service, receivers } = config
      expect(exporters['otlp/queue']).toMatchObject({
        endpoint: receivers['otlp/relay'].protocols.grpc.endpoint,
        sending_queue: { storage: 'file_storage' },
      })
      expect(extensions.file_storage.directory).toBe(QUEUE_DIR)
      expect(service.extensions).toContain('file_storage')
      for (const [signal, exporter] of [
        ['metrics', 'awsemf'],
        ['traces', 'awsxray'],
      ]) {
        expect(service.pipelines[`${signal}/in`]).toEqual({
          receivers: ['otlp'],
          processors: ['memory_limiter', 'batch'],
          exporters: ['otlp/queue'],
        })
        // A batch processor here would take what the queue then forgets.
        expect(service.pipelines[`${signal}/out`]).toEqual({
          receivers: ['otlp/relay'],
          processors: ['resourcedetection'],
          exporters: [exporter],
        })
      }
    }
  })

  it('uses nothing that it has not set up, and sets up nothing that it does not use', () => {
    for (const { config } of cells) {
      const pipelines = Object.values(config.service.pipelines) as Record<string, string[]>[]
      for (const kind of ['receivers', 'processors', 'exporters'])
        expect([...new Set(pipelines.flatMap((pipeline) => pipeline[kind]))].toSorted()).toEqual(Object.keys(config[kind]).toSorted())
      expect(config.service.extensions.toSorted()).toEqual(Object.keys(config.extensions).toSorted())
    }
  })

  it('writes metrics and spans to its own region alone', () => {
    for (const { region, zone, cell, template, config } of cells) {
      expect(config.exporters.awsemf).toEqual(emfExporter(deployment, region, zone))
      expect(config.exporters.awsxray.region).toBe(region)
      const groups = resourcesOf(template, 'AWS::Logs::LogGroup').map(([, { Properties }]) => Properties.LogGroupName)
      expect(groups).toEqual([cell.gatewayLogs, cell.metricsLogs])
    }
  })

  it('has its way to CloudWatch and its image through the endpoints of the region', () => {
    for (const { region, cell } of cells) {
      const endpoints = resourcesOf(templates.get(stackNames(deployment).network(region)), 'AWS::EC2::VPCEndpoint')
      const allowed = JSON.stringify(endpoints.map(([, { Properties }]) => Properties.PolicyDocument))
      expect(allowed).toContain(`log-group:${cell.metricsLogs}:*`)
      expect(allowed).toContain(`repository/cdk-hnb659fds-container-assets-${cell.account}-${region}`)
    }
  })
}
