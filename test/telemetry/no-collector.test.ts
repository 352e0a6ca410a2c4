import { spawnSync } from 'node:child_process'
import { EXPORT_ENVIRONMENT } from '../../config/collector.ts'

// What a gateway does whose collector is gone: a process of its own, with the variables of its task and a port where nobody listens.
const TELEMETRY = new URL('../../runtime/telemetry/telemetry.ts', import.meta.url).href
const PROGRAM = `
  const { decisionTelemetry, startTelemetry } = await import(${JSON.stringify(TELEMETRY)})
  process.on('unhandledRejection', () => process.exit(9))
  const stop = await startTelemetry({ serviceName: 'aegis-gateway', version: '1', region: 'eu-west-1', zone: 'eu', environment: 'prod' })
  const telemetry = decisionTelemetry('eu-west-1')
  for (let call = 0; call < 5000; call++)
    telemetry.end(telemetry.start({}), {
      door: 'http', decision: 'allow', enforced: 'allow', mode: 'enforce', tool: 'crm', action: 'read', policyVersion: 'x',
      tenantZone: 'eu', routeRegion: 'eu-west-1', decisionId: 'dec', codes: [], durationMs: 1,
    })
  await new Promise((resolve) => setTimeout(resolve, 300))
  await stop()
  console.log('went on')
  process.exit(0)
`

test('a gateway goes on without its collector, and ends well', () => {
  const env = {
    ...process.env,
    ...EXPORT_ENVIRONMENT,
    // The port that nothing can listen on; and no waiting for the next export.
    OTEL_EXPORTER_OTLP_ENDPOINT: 'http://127.0.0.1:1',
    OTEL_METRIC_EXPORT_INTERVAL: '100',
    OTEL_METRIC_EXPORT_TIMEOUT: '100',
    OTEL_TRACES_SAMPLER: 'always_on',
    NODE_OPTIONS: '',
  }
  const { status, stdout, stderr } = spawnSync(process.execPath, ['--input-type=module', '--eval', PROGRAM], {
    env,
    encoding: 'utf8',
    timeout: 60_000,
  })
  expect([status, stdout.trim().split('\n').at(-1), stderr]).toEqual([0, 'went on', expect.stringContaining('telemetry_not_exported')])
}, 70_000)
