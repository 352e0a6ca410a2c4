import { expect, test } from '@jest/globals'
import { EXPORT_ENVIRONMENT } from '../../../config/collector.ts'
import { childEnvironment, telemetryEnvironment } from '../../../runtime/fabric/supervisor/config.ts'
import { gatewayEnvironment } from '../../../runtime/fabric/supervisor/gateway-environment.ts'
import { KNOWN_VARIABLES, loadConfig } from '../../../runtime/gateway/config.ts'
import { TASK_ENVIRONMENT } from '../../support/task-environment.ts'

const PLACE = {
  port: 2000,
  operatorPort: 2001,
  secrets: { AEGIS_PSEUDONYM_KEY: 'P'.repeat(64) },
  notify:
    '[{"kind":"webhook","url":"https://hooks.operators.aegis.example/approvals","key":"fabric","secret":"0123456789012345678901234567890123456789"}]',
  spoolDir: '/state/spool/eu-west-1',
  stores: 'http://127.0.0.1:3000',
  dns: '127.0.0.1:53',
  egressProxy: 'http://127.0.0.1:4000',
  caFile: '/state/ca.pem',
}

test("a gateway's environment is its task's, and only places differ", () => {
  const environment = gatewayEnvironment(TASK_ENVIRONMENT, PLACE)
  const places = ['AEGIS_PORT', 'AEGIS_OPERATOR_PORT', 'AEGIS_SPOOL_DIR', 'AEGIS_PSEUDONYM_KEY']
  for (const [name, value] of Object.entries(TASK_ENVIRONMENT)) if (!places.includes(name)) expect(environment).toHaveProperty(name, value)
  expect(loadConfig(environment)).toMatchObject({
    host: '127.0.0.1',
    port: 2000,
    operatorPort: 2001,
    pseudonymSecret: 'P'.repeat(64),
    notify: [{ kind: 'webhook', key: 'fabric' }],
    dnsServers: ['127.0.0.1:53'],
    egressProxy: PLACE.egressProxy,
  })
})

test('adds no variable that only the fabric knows', () => {
  const added = Object.keys(gatewayEnvironment(TASK_ENVIRONMENT, PLACE)).filter((name) => !(name in TASK_ENVIRONMENT))
  const standard = /^(AWS_ENDPOINT_URL_(DYNAMODB|S3|KMS|STS)|AWS_ACCESS_KEY_ID|NODE_EXTRA_CA_CERTS)$/
  for (const name of added) expect(KNOWN_VARIABLES.includes(name) || standard.test(name)).toBe(true)
})

test('exports nothing to the collector that is beside a deployed gateway and not here', () => {
  const environment = gatewayEnvironment({ ...TASK_ENVIRONMENT, ...EXPORT_ENVIRONMENT }, PLACE)
  expect(Object.keys(environment).filter((name) => name.startsWith('OTEL_'))).toEqual([])
  expect(loadConfig(environment).exportsTelemetry).toBe(false)
  expect(loadConfig({ ...TASK_ENVIRONMENT, ...EXPORT_ENVIRONMENT }).exportsTelemetry).toBe(true)
})

test("refuses to hand on the person's own credentials, endpoints, proxies and Node options", () => {
  const own = {
    PATH: '/bin',
    AWS_ACCESS_KEY_ID: 'AKIAREAL',
    AWS_PROFILE: 'production',
    AWS_ENDPOINT_URL: 'http://elsewhere',
    HTTPS_PROXY: 'http://proxy',
    NODE_OPTIONS: '--require ./mine.js',
  }
  const environment = childEnvironment({}, own)
  expect(environment).toMatchObject({ PATH: '/bin', AWS_ACCESS_KEY_ID: 'local', AWS_EC2_METADATA_DISABLED: 'true' })
  for (const name of ['AWS_PROFILE', 'AWS_ENDPOINT_URL', 'HTTPS_PROXY', 'NODE_OPTIONS']) expect(environment).not.toHaveProperty(name)
})

test('telemetry goes where the standard variables say', () => {
  expect(telemetryEnvironment({ OTEL_TRACES_EXPORTER: 'otlp', OTHER: 'x' })).toEqual({ OTEL_TRACES_EXPORTER: 'otlp' })
})
