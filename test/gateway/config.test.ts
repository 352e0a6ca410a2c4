import { GATEWAY_ENVIRONMENT } from '../../lib/constructs/gateway-environment.ts'
import { KNOWN_VARIABLES, loadConfig, REQUIRED_VARIABLES } from '../../runtime/gateway/config.ts'

const env = {
  AEGIS_ENVIRONMENT: 'prod',
  AEGIS_REGION: 'eu-west-1',
  AEGIS_ZONE: 'eu',
  AEGIS_ZONE_URL: 'https://eu.aegis.example',
  AEGIS_GLOBAL_URL: 'https://global.aegis.example',
  AEGIS_REGION_URL: 'https://eu-west-1.aegis.example',
  AEGIS_PORT: '8080',
  AEGIS_RING: 'stable',
  AEGIS_TRUST_ROOT: JSON.stringify({ keys: [{ kty: 'EC', crv: 'P-256', kid: 'k', x: 'x', y: 'y' }] }),
  AEGIS_BUNDLE_BUCKET: 'bucket',
  AEGIS_GLOBAL_TABLE: 'global',
  AEGIS_REGION_STATE_TABLE: 'state',
  AEGIS_BUNDLE_WARN_AGE_H: '24',
  AEGIS_SPOOL_DIR: '/var/spool/aegis',
  AWS_REGION: 'eu-west-1',
}

test('the task definition sets exactly what the gateway requires', () => {
  const set = [...GATEWAY_ENVIRONMENT].sort()
  expect(set.filter((name) => !KNOWN_VARIABLES.includes(name))).toEqual([])
  expect(REQUIRED_VARIABLES.filter((name) => !set.some((variable) => variable === name))).toEqual([])
})

test('reads a complete environment', () => {
  expect(loadConfig(env)).toMatchObject({
    region: 'eu-west-1',
    port: 8080,
    host: '0.0.0.0',
    exportsTelemetry: false,
    bundleWarnAgeMs: 86_400_000,
  })
  expect(loadConfig({ ...env, OTEL_TRACES_EXPORTER: 'otlp' }).exportsTelemetry).toBe(true)
  expect(loadConfig({ ...env, AEGIS_DNS_SERVERS: '127.0.0.1:5300, 10.0.0.2, [::1]:53' }).dnsServers).toHaveLength(3)
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
  expect(() => loadConfig({ ...env, [name]: value })).toThrow(`environment variable ${name}`)
})
