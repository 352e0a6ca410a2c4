import { GATEWAY_ENVIRONMENT, GATEWAY_SECRETS } from '../../lib/constructs/gateway-environment.ts'
import { KNOWN_VARIABLES, loadConfig, REQUIRED_VARIABLES } from '../../runtime/gateway/config.ts'
import { TASK_ENVIRONMENT } from '../support/task-environment.ts'

test('the task definition sets exactly what the gateway requires', () => {
  const set = [...GATEWAY_ENVIRONMENT, ...GATEWAY_SECRETS].sort()
  expect(set.filter((name) => !KNOWN_VARIABLES.includes(name))).toEqual([])
  expect(REQUIRED_VARIABLES.filter((name) => !set.some((variable) => variable === name))).toEqual([])
})

test('reads a complete environment', () => {
  expect(loadConfig(TASK_ENVIRONMENT)).toMatchObject({
    region: 'eu-west-1',
    port: 8080,
    host: '0.0.0.0',
    exportsTelemetry: false,
    bundleWarnAgeMs: 86_400_000,
  })
  expect(loadConfig({ ...TASK_ENVIRONMENT, OTEL_TRACES_EXPORTER: 'otlp' }).exportsTelemetry).toBe(true)
  expect(loadConfig({ ...TASK_ENVIRONMENT, AEGIS_DNS_SERVERS: '127.0.0.1:5300, 10.0.0.2, [::1]:53' }).dnsServers).toHaveLength(3)
})

test.each([
  ['AEGIS_REGION', undefined],
  ['AEGIS_ZONE_URL', 'eu.aegis.example'],
  ['AEGIS_PORT', '99999'],
  ['AEGIS_TRUST_ROOT', '{"keys":[]}'],
  ['AEGIS_TRUST_ROOT', 'no json'],
  ['AEGIS_DNS_SERVERS', 'resolver.example:53'],
  ['AEGIS_EGRESS_PROXY', 'socks5://proxy'],
])('refuses %s %s, and names the variable', (name, value) => {
  expect(() => loadConfig({ ...TASK_ENVIRONMENT, [name]: value })).toThrow(`environment variable ${name}`)
})
