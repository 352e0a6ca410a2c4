import { fleetReportOf } from '../../../runtime/gateway/revisions/fleet-report.ts'
import { fleetReporter } from '../../../runtime/gateway/revisions/fleet-reporter.ts'
import { type FleetReport, fleetReport } from '../../../runtime/state/fleet.ts'
import { eventually } from '../../fabric/stores/support.ts'
import { type TestTrust, testTrust } from '../../support/gateway.ts'
import { limited } from './documents.ts'
import { testRegion } from './region.ts'

let trust: TestTrust
beforeAll(async () => {
  trust = await testTrust()
})

const labels = { id: 'a1b2c3', version: '1.0.0', region: 'eu-west-1', zone: 'eu', environment: 'prod' }

function composed(status: Parameters<typeof fleetReportOf>[0]['status']): FleetReport {
  const report = fleetReportOf({ labels, ring: 'stable', status, counts: {}, comparison: null, startedMs: 1, nowMs: Date.now() })
  // What is written must be what is read: the reader counts another shape as silence.
  expect(fleetReport.parse(JSON.parse(JSON.stringify(report)))).toEqual(report)
  return report
}

describe('a report', () => {
  test('of a process that has nothing says so', () => {
    const report = composed(testRegion(trust).policies.status())
    expect(report).toMatchObject({ labels, bundles: { stable: { name: 'stable', type: 'snapshot' } } })
    expect(report.bundles.stable).not.toHaveProperty('active_revision')
    expect(report.aegis).toMatchObject({ bundle_seq: null, directory_seq: null, age_s: null, candidate: null, comparison: null })
  })

  test('tells revision, seq, digests, age and times of what is in force', async () => {
    const { policies, publish } = testRegion(trust)
    await publish({ seq: 5 }, { seq: 6 })
    await policies.poll()
    const { bundles, aegis } = composed(policies.status())
    const policy = policies.current()
    expect(bundles.stable).toMatchObject({ active_revision: policy?.revision, size: expect.any(Number) })
    for (const time of ['last_request', 'last_successful_request', 'last_successful_download', 'last_successful_activation'] as const)
      expect(Math.abs(Date.parse(bundles.stable?.[time] ?? '') - Date.now())).toBeLessThan(60_000)
    expect(aegis).toMatchObject({ bundle_seq: 5, directory_seq: 6, bundle_digest: policy?.bundleDigest })
    // Signed as valid from a minute ago on.
    expect(aegis.age_s).toBeGreaterThanOrEqual(60)
    expect(aegis.expires_in_s).toBeGreaterThan(3500)
  })

  test('tells of a candidate and why it is refused, and why the pointer is not followed', async () => {
    const { policies, publish, offer } = testRegion(trust)
    await publish({ seq: 5 })
    await policies.poll()
    const named = await offer({ seq: 6, documents: limited(1000) }, { sharePercent: 25, compare: true, bundleSeq: 6 })
    await policies.poll()
    const loaded = composed(policies.status())
    const revision = policies.candidate()?.policy.revision
    expect(loaded.bundles.canary).toMatchObject({ name: 'canary', active_revision: revision })
    expect(loaded.aegis.candidate).toEqual({
      rollout: 'rollout-1',
      revision,
      seq: 6,
      digest: named.bundleDigest,
      share_percent: 25,
      compare: true,
      loaded: true,
      error: null,
    })
    await offer({ seq: 7, zone: 'us' }, { bundleSeq: 7 })
    await publish({ seq: 4 }, { seq: 5 })
    await policies.poll()
    const refused = composed(policies.status())
    expect(refused.aegis.candidate).toMatchObject({ revision: null, seq: 7, loaded: false, error: expect.stringMatching(/^wrong_zone: /) })
    expect(refused.bundles.canary).toMatchObject({ code: 'bundle_error', message: expect.stringMatching(/^wrong_zone: /) })
    expect(refused.bundles.stable).toMatchObject({ code: 'bundle_error', message: expect.stringMatching(/^rolled_back: /) })
    expect(refused.aegis.bundle_seq).toBe(5)
  })
})

/** A reporter over a table that a test fails and holds up. */
function reporting() {
  const written: FleetReport[] = []
  const logged: object[] = []
  const state = {
    fail: false,
    hold: undefined as Promise<void> | undefined,
    candidate: null as { share_percent: number; compare: boolean } | null,
  }
  const reporter = fleetReporter({
    fleet: {
      async write(report) {
        written.push(report)
        await state.hold
        if (state.fail) throw new Error('the table is away')
      },
    },
    compose: () => ({ aegis: { candidate: state.candidate } }) as FleetReport,
    log: (event) => logged.push(event),
    idleMs: 600_000,
    rolloutMs: 5,
  })
  return { reporter, written, logged, state }
}

describe('the reporter', () => {
  test('speaks at the start and at once after a change, once for all changes of a turn', async () => {
    const { reporter, written } = reporting()
    const stop = reporter.start()
    await reporter.said()
    expect(written).toHaveLength(1)
    reporter.changed()
    reporter.changed()
    await reporter.said()
    expect(written).toHaveLength(2)
    await stop()
    reporter.changed()
    await reporter.said()
    expect(written).toHaveLength(2)
  })

  test.each([
    { share_percent: 1, compare: false },
    { share_percent: 0, compare: true },
  ])('speaks often while a candidate decides or is compared: %j', async (candidate) => {
    const { reporter, written, state } = reporting()
    state.candidate = candidate
    const stop = reporter.start()
    await eventually('five reports', () => written.length >= 5)
    await stop()
  })

  test('speaks no oftener of a candidate that is only made ready, and at once when it changes', async () => {
    const { reporter, written, state } = reporting()
    state.candidate = { share_percent: 0, compare: false }
    const stop = reporter.start()
    await new Promise((resolve) => setTimeout(resolve, 50))
    expect(written).toHaveLength(1)
    state.candidate = { share_percent: 50, compare: true }
    reporter.changed()
    await eventually('five reports', () => written.length >= 5)
    await stop()
  })

  test('says a change that comes while a report is on its way, and never two at a time', async () => {
    const { reporter, written, state } = reporting()
    let release = () => {}
    state.hold = new Promise((resolve) => (release = resolve))
    const stop = reporter.start()
    await eventually('the first is on its way', () => written.length === 1)
    reporter.changed()
    await new Promise((resolve) => setTimeout(resolve, 20))
    expect(written).toHaveLength(1)
    release()
    await eventually('the second', () => written.length === 2)
    await stop()
  })

  test('a table that is away is told once, and is spoken to again', async () => {
    const { reporter, written, logged, state } = reporting()
    state.fail = true
    const stop = reporter.start()
    await reporter.said()
    reporter.changed()
    await reporter.said()
    expect(logged).toMatchObject([{ event: 'fleet_unreachable' }])
    state.fail = false
    reporter.changed()
    await reporter.said()
    expect(written).toHaveLength(3)
    await stop()
  })
})
