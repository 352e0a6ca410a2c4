import { expect, test } from '@jest/globals'
import { loadConfig } from '../../runtime/control-plane/config.ts'

test('needs nothing', () => {
  expect(loadConfig({})).toMatchObject({
    ring: 'stable',
    port: 8080,
    regions: undefined,
    regionEndpoints: {},
    keyOverlapMs: 65 * 60_000,
    term: 1,
    storeCopyBucket: undefined,
  })
})

test('takes the regions and their endpoints', () => {
  const config = loadConfig({
    AEGIS_REGIONS: 'eu-west-1, us-east-1',
    AEGIS_REGION_ENDPOINTS: '{"eu-west-1":"http://127.0.0.1:1"}',
  })
  expect(config.regions).toEqual(['eu-west-1', 'us-east-1'])
  expect(config.regionEndpoints).toEqual({ 'eu-west-1': 'http://127.0.0.1:1' })
})

test.each([
  [{ AEGIS_REGION_ENDPOINTS: '{' }, /^environment variable AEGIS_REGION_ENDPOINTS: is not JSON$/],
  [{ AEGIS_REGION_ENDPOINTS: '{"eu-west-1":"nowhere"}' }, /AEGIS_REGION_ENDPOINTS\.eu-west-1/],
  [{ AEGIS_KEY_OVERLAP_S: '-1' }, /AEGIS_KEY_OVERLAP_S/],
  ...['0', '', '-1', '1.5', 'NaN', 'Infinity', '1e400', '1000001', 'two'].map((AEGIS_CONTROL_TERM): [object, RegExp] => [
    { AEGIS_CONTROL_TERM },
    /^environment variable AEGIS_CONTROL_TERM: [^\n]+$/,
  ]),
  [{ AEGIS_PORT: '99999' }, /AEGIS_PORT/],
  [{ AEGIS_ROLLOUT: '{"canaryBakeS":-1}' }, /AEGIS_ROLLOUT\.canaryBakeS/],
  [{ AEGIS_DOCUMENTS_WHEN: 'sometimes' }, /AEGIS_DOCUMENTS_WHEN/],
  [{ AEGIS_ROLLOUT: '{"bake":1}' }, /AEGIS_ROLLOUT/],
  [{ AEGIS_DEPLOYED_HOSTS: '[{}]' }, /AEGIS_DEPLOYED_HOSTS/],
])('refuses %j in one line', (env, message) => {
  expect(() => loadConfig(env as Record<string, string>)).toThrow(message)
})
