import { describe, expect, test } from '@jest/globals'
import fc from 'fast-check'
import type { JournalEvent, ProbeResult } from '../../runtime/failover/journal.ts'
import { measureRound, type Round } from '../../runtime/failover/measures.ts'
import { clientRtoMs } from '../../runtime/failover/rto.ts'
import { quantile, worst } from '../../runtime/failover/statistics.ts'
import { lagOf, safetyOf, windowOf } from '../../runtime/failover/windows.ts'

const T0 = 10_000
const STABILITY = 10_000

const probe = (dueMs: number, more: Partial<ProbeResult> = {}): { type: 'probe' } & ProbeResult => ({
  type: 'probe',
  client: 'eu-agent',
  call: 'pay',
  connection: 'kept',
  dueMs,
  sentMs: dueMs,
  doneMs: dueMs + 20,
  ok: true,
  wrongVerdict: false,
  residencyViolation: false,
  ...more,
})
const failure = (dueMs: number, more: Partial<ProbeResult> = {}) => probe(dueMs, { ok: false, failure: 'refused', ...more })
const every = (ms: number, from: number, to: number, make: (atMs: number) => { type: 'probe' } & ProbeResult) =>
  Array.from({ length: Math.floor((to - from) / ms) }, (_, index) => make(from + index * ms))

describe('client RTO', () => {
  test('is the end of the outage, however long it was and whatever the rate', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 20_000 }), fc.integer({ min: 10, max: 200 }), (outageMs, periodMs) => {
        const untilMs = T0 + outageMs + STABILITY + 2 * periodMs + 1000
        const calls = every(periodMs, T0, untilMs, (at) => (at < T0 + outageMs ? failure(at) : probe(at)))
        const rtoMs = clientRtoMs(calls, T0, untilMs, STABILITY)
        expect(rtoMs).toBeGreaterThanOrEqual(outageMs)
        expect(rtoMs).toBeLessThanOrEqual(outageMs + periodMs + 20)
      }),
    )
  })

  test('does not depend on the order in which results arrive', () => {
    const calls = every(50, T0, T0 + 30_000, (at) => (at < T0 + 4000 ? failure(at, { doneMs: at + 1000 }) : probe(at)))
    fc.assert(
      fc.property(fc.shuffledSubarray(calls, { minLength: calls.length }), (shuffled) => {
        expect(clientRtoMs(shuffled, T0, T0 + 30_000, STABILITY)).toBe(clientRtoMs(calls, T0, T0 + 30_000, STABILITY))
      }),
      { numRuns: 20 },
    )
  })

  test('counts from the last failure when a recovery did not last', () => {
    const calls = every(100, T0, T0 + 40_000, (at) => (at < T0 + 3000 || at === T0 + 9000 ? failure(at) : probe(at)))
    expect(clientRtoMs(calls, T0, T0 + 40_000, STABILITY)).toBe(9120)
  })

  test('counts a failure that began long after the fault, when a kept connection died late', () => {
    const calls = every(100, T0, T0 + 60_000, (at) => (at >= T0 + 15_000 && at < T0 + 16_000 ? failure(at) : probe(at)))
    expect(clientRtoMs(calls, T0, T0 + 60_000, STABILITY)).toBe(16_020)
  })

  test('is unknown when the observation ended before the client was stable', () => {
    const calls = every(100, T0, T0 + 8000, (at) => (at < T0 + 3000 ? failure(at) : probe(at)))
    expect(clientRtoMs(calls, T0, T0 + 8000, STABILITY)).toBeNull()
  })

  test('is unknown when the client never succeeded, or never called', () => {
    expect(
      clientRtoMs(
        every(100, T0, T0 + 30_000, (at) => failure(at)),
        T0,
        T0 + 30_000,
        STABILITY,
      ),
    ).toBeNull()
    expect(clientRtoMs([], T0, T0 + 30_000, STABILITY)).toBeNull()
  })

  test('is zero for a client that noticed nothing', () => {
    expect(
      clientRtoMs(
        every(100, T0, T0 + 30_000, (at) => probe(at)),
        T0,
        T0 + 30_000,
        STABILITY,
      ),
    ).toBe(0)
  })
})

describe('a round', () => {
  const round: Round = { round: 1, region: 'eu-west-1', steadyFromMs: 0, t0Ms: T0, undoAtMs: 40_000, readyAtMs: 42_000, endMs: 60_000 }
  const clients = [
    { id: 'eu-agent', place: 'eu', host: 'eu.aegis.example', perSecond: 10 },
    { id: 'us-agent', place: 'us', host: 'us.aegis.example', perSecond: 10 },
  ]
  const dns = (atMs: number, name: string, place: string, regions: string[]): JournalEvent => ({ type: 'dns', atMs, name, place, regions })
  const quiet = every(100, 0, 60_000, (at) => probe(at, { client: 'us-agent', region: 'us-east-1' }))
  const answers = [dns(0, 'eu.aegis.example', 'eu', ['eu-west-1']), dns(0, 'us.aegis.example', 'us', ['us-east-1'])]
  const health = (atMs: number, region: string, state: 'healthy' | 'unhealthy'): JournalEvent => ({ type: 'health', atMs, region, state })
  const eu = every(100, 0, 60_000, (at) =>
    at < T0
      ? probe(at, { region: 'eu-west-1' })
      : at < T0 + 5000
        ? failure(at)
        : probe(at, { region: at < 45_000 ? 'eu-central-1' : 'eu-west-1' }),
  )
  const measured = (...events: JournalEvent[]) => measureRound([...answers, ...quiet, ...eu, ...events], round, clients, STABILITY)

  test('tells detection, shift, recovery and failback apart', () => {
    const result = measured(
      health(T0 - 500, 'us-east-1', 'unhealthy'),
      health(T0 + 2000, 'us-east-1', 'unhealthy'),
      health(T0 + 2500, 'eu-west-1', 'unhealthy'),
      dns(T0 + 2600, 'eu.aegis.example', 'eu', ['eu-central-1']),
      dns(45_000, 'eu.aegis.example', 'eu', ['eu-west-1']),
    )
    expect(result).toMatchObject({
      detectionMs: 2500,
      dnsShiftMs: 2600,
      rtoMs: 5020,
      failbackMs: 3020,
      failedElsewhere: 0,
      failbackErrors: 0,
    })
    expect(result.coverage).toBe(1)
    expect(result.clients.map(({ exposed }) => exposed)).toEqual([true, false])
    expect(result.clients[0]).toMatchObject({ failed: 50, failures: { refused: 50 }, after: { attempted: 249 } })
  })

  test('refuses an empty answer as a shift: nobody is served by it', () => {
    expect(measured(dns(T0 + 2600, 'eu.aegis.example', 'eu', [])).dnsShiftMs).toBeNull()
  })

  test('refuses a shift that came only when the region was brought back', () => {
    expect(measured(dns(41_000, 'eu.aegis.example', 'eu', ['eu-central-1'])).dnsShiftMs).toBeNull()
  })

  test('lays a failure at the door of whoever caused it', () => {
    expect(measured(failure(T0 + 1000, { client: 'us-agent' })).failedElsewhere).toBe(1)
    expect(measured(failure(T0 + 7000, { failure: 'http_503' })).failedElsewhere).toBe(1)
    expect(measured(failure(T0 + 1000, { failure: 'reset' })).failedElsewhere).toBe(0)
    expect(measured(failure(T0 - 3000, { client: 'us-agent' })).failedElsewhere).toBe(0)
  })

  test('counts a call that was under way when the fault came', () => {
    const underWay = failure(T0 - 300, { doneMs: T0 + 10, failure: 'reset' })
    expect(measured(underWay).clients[0]?.failed).toBe(51)
  })

  test('counts failures from failback on as errors of coming back', () => {
    expect(measured(failure(41_000), failure(50_000, { client: 'us-agent' })).failbackErrors).toBe(2)
  })

  test('sees a client that stopped calling', () => {
    const half = eu.filter(({ dueMs }) => dueMs < 35_000)
    expect(measureRound([...answers, ...quiet, ...half], round, clients, STABILITY).coverage).toBeLessThan(0.6)
  })

  test('reaches nothing in an empty journal', () => {
    expect(measureRound([], round, clients, STABILITY)).toMatchObject({
      detectionMs: null,
      dnsShiftMs: null,
      rtoMs: null,
      failbackMs: null,
      goodputAfter: null,
      coverage: 0,
    })
  })
})

describe('counts', () => {
  test('wrong verdicts and residency violations of any phase are found', () => {
    const events = [probe(1), probe(2, { wrongVerdict: true }), probe(3, { residencyViolation: true, wrongVerdict: true })]
    expect(safetyOf(events)).toEqual({ wrongVerdicts: 2, residencyViolations: 1 })
  })

  test('lag is what the probe was late, not what the answer took', () => {
    const events = Array.from({ length: 100 }, (_, index) => probe(index, { sentMs: index + index, doneMs: index + 5000 }))
    expect(lagOf(events)).toEqual({ p50Ms: 49, p99Ms: 98, maxMs: 99 })
  })

  test('a window counts calls that were due in it, and times them from then', () => {
    const events = [probe(0), probe(999), failure(500), probe(1000), probe(500, { sentMs: 700, doneMs: 720 })]
    expect(windowOf(events, 0, 1000)).toEqual({ attempted: 4, succeeded: 3, goodput: 3, p50Ms: 20, p99Ms: 220 })
  })

  test('quantiles are values of the sample, between its ends, and rise with the share', () => {
    fc.assert(
      fc.property(
        fc.array(fc.integer(), { minLength: 1 }),
        fc.double({ min: 0, max: 1, noNaN: true }),
        fc.double({ min: 0, max: 1, noNaN: true }),
        (values, a, b) => {
          const [low, high] = [quantile(values, Math.min(a, b)) as number, quantile(values, Math.max(a, b)) as number]
          expect(values).toContain(low)
          expect(low).toBeLessThanOrEqual(high)
          expect(quantile(values, 0)).toBe(Math.min(...values))
          expect(quantile(values, 1)).toBe(Math.max(...values))
        },
      ),
    )
  })

  test('what was never reached is worse than any number', () => {
    expect(worst([3, null, 5])).toBeNull()
    expect(worst([3, 5])).toBe(5)
  })
})
