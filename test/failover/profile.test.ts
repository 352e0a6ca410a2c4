import { expect, test } from '@jest/globals'
import fc from 'fast-check'
import { boundsOf, describeRto, profileSchema, projectRtoMs } from '../../runtime/failover/profile.ts'
import { profile } from './support/profile.ts'

test('the RTO bound is interval x threshold + TTL + client timeout, and a fifth more', () => {
  expect(boundsOf(profile).rtoMs).toBeCloseTo(8400)
  expect(boundsOf(profile.deployed).rtoMs).toBeCloseTo(73_200)
  expect(describeRto(profile.deployed)).toBe('(10 s x 3 + TTL 30 s + client timeout 1 s) x 1.2 = 73.2 s')
})

test('a projection keeps what was measured under timings that do not differ', () => {
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 60_000 }), fc.integer({ min: 0, max: 60_000 }), (detectionMs, moreMs) => {
      const same = { ...profile, deployed: profile }
      expect(projectRtoMs(same, { detectionMs, rtoMs: detectionMs + moreMs })).toBeCloseTo(detectionMs + moreMs)
    }),
  )
})

test('a projection scales detection and TTL, but no client timeout', () => {
  expect(projectRtoMs(profile, { detectionMs: 3000, rtoMs: 3000 + 3000 + 1000 })).toBeCloseTo(30_000 + 30_000 + 1000)
})

test('refuses a profile without the timings that it was derived from', () => {
  const wire = {
    name: 'compressed',
    health_check_interval_ms: 1000,
    health_check_failure_threshold: 3,
    record_ttl_ms: 3000,
    client_timeout_ms: 1000,
  }
  const { name, ...timings } = wire
  expect(profileSchema.parse({ ...wire, deployed: timings })).toEqual({
    ...profile,
    deployed: { ...profile, name: undefined, deployed: undefined },
  })
  expect(profileSchema.safeParse({ ...wire }).success).toBe(false)
  expect(profileSchema.safeParse({ ...wire, name, record_ttl_ms: 0, deployed: timings }).success).toBe(false)
})
