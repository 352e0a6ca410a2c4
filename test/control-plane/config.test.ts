import { expect, test } from '@jest/globals'
import { loadConfig } from '../../runtime/control-plane/config.ts'

const MINIMAL = { AEGIS_PUBLISH_TOKEN: 'x'.repeat(32) }

test('needs nothing but the publish token', () => {
  expect(loadConfig(MINIMAL)).toMatchObject({
    ring: 'stable',
    port: 8080,
    regions: undefined,
    regionEndpoints: {},
    keyOverlapMs: 65 * 60_000,
  })
})

test('takes the regions and their endpoints', () => {
  const config = loadConfig({
    ...MINIMAL,
    AEGIS_REGIONS: 'eu-west-1, us-east-1',
    AEGIS_REGION_ENDPOINTS: '{"eu-west-1":"http://127.0.0.1:1"}',
  })
  expect(config.regions).toEqual(['eu-west-1', 'us-east-1'])
  expect(config.regionEndpoints).toEqual({ 'eu-west-1': 'http://127.0.0.1:1' })
})

test.each([
  [{}, /^environment variable AEGIS_PUBLISH_TOKEN: /],
  [{ AEGIS_PUBLISH_TOKEN: 'short' }, /needs at least 32 characters/],
  [{ ...MINIMAL, AEGIS_REGION_ENDPOINTS: '{' }, /^environment variable AEGIS_REGION_ENDPOINTS: is not JSON$/],
  [{ ...MINIMAL, AEGIS_REGION_ENDPOINTS: '{"eu-west-1":"nowhere"}' }, /AEGIS_REGION_ENDPOINTS\.eu-west-1/],
  [{ ...MINIMAL, AEGIS_KEY_OVERLAP_S: '-1' }, /AEGIS_KEY_OVERLAP_S/],
  [{ ...MINIMAL, AEGIS_PORT: '99999' }, /AEGIS_PORT/],
])('refuses %j in one line', (env, message) => {
  expect(() => loadConfig(env)).toThrow(message)
})
