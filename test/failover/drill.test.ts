import { describe, expect, test } from '@jest/globals'
import type { ProbeResult } from '../../runtime/failover/journal.ts'
import { simulate } from './support/simulation.ts'

// The whole drill, but for the fabric: each objective is made red once by a planted fault, as a drill that
// cannot fail proves nothing.

const missedOf = ({ report }: Awaited<ReturnType<typeof simulate>>) => report.objectives.filter(({ held }) => !held).map(({ name }) => name)
const failedCall: Partial<ProbeResult> = { ok: false, failure: 'timeout' }

describe('a region loss drill', () => {
  test('holds when the zone moves in time', async () => {
    const drill = await simulate()
    expect(drill.report.reasons).toEqual([])
    expect(drill.exitCode).toBe(0)
    expect(drill.report.verdict).toBe('held')
    expect(drill.acts).toEqual(['kill eu-west-1', 'restore eu-west-1', 'restore eu-west-1'])
    expect(drill.closed).toBe(true)
  })

  test('reports the minimum, median and maximum of repeated kills, each at a phase of its own', async () => {
    const { report, markdown } = await simulate({}, { repeat: 3 })
    expect(report.objectives.find(({ name }) => name === 'client_rto_s')?.values).toHaveLength(3)
    expect(new Set(report.kill_delays_ms).size).toBe(3)
    expect(markdown).toContain('(min / median / max)')
  })

  test('repeats its phases with the same seed', async () => {
    const [one, two, other] = [await simulate(), await simulate(), await simulate({}, { seed: 8 })]
    expect(one.report.kill_delays_ms).toEqual(two.report.kill_delays_ms)
    expect(one.report.kill_delays_ms).not.toEqual(other.report.kill_delays_ms)
  })

  test.each([
    ['detection is slow', { detectMs: 4000, clientsLagMs: 500 }, ['detection_s', 'dns_shift_s']],
    ['the health check never flips', { healthNeverFlips: true }, ['client_rto_s', 'detection_s', 'dns_shift_s']],
    ['names never move', { noDnsShift: true }, ['client_rto_s', 'dns_shift_s']],
    ['resolvers keep the old answer for too long', { clientsLagMs: 9000 }, ['client_rto_s']],
    [
      'a client fails again after it had recovered',
      {
        call: (call: ProbeResult, phase: string) =>
          phase === 'down' && call.client === 'eu-agent' && call.ok && call.dueMs % 1000 < 60 ? failedCall : undefined,
      },
      ['client_rto_s'],
    ],
    [
      'calls fail in another region',
      {
        call: (call: ProbeResult, phase: string) =>
          phase === 'down' && call.client === 'us-agent' && call.dueMs % 2000 < 60 ? failedCall : undefined,
      },
      ['failed_elsewhere'],
    ],
    [
      'the standby answers with errors',
      {
        call: (call: ProbeResult, phase: string) =>
          phase === 'down' && call.region === 'eu-central-1' && call.dueMs % 5000 < 60
            ? ({ ok: false, failure: 'http_503' } as const)
            : undefined,
      },
      ['failed_elsewhere'],
    ],
    ['clients never come back to the region', { neverTakenBack: true }, ['failback_s']],
    [
      'calls fail while the region comes back',
      {
        call: (call: ProbeResult, phase: string) =>
          phase === 'back' && call.client === 'eu-agent' && call.dueMs % 3000 < 60 ? failedCall : undefined,
      },
      ['failback_errors'],
    ],
  ])('refuses to pass when %s', async (_, plants, objectives) => {
    const drill = await simulate(plants)
    expect(drill.report.verdict).toBe('missed')
    expect(drill.exitCode).toBe(1)
    expect(missedOf(drill)).toEqual(expect.arrayContaining(objectives))
    expect(drill.markdown).toMatch(/^# MISSED/)
    expect(drill.acts.at(-1)).toBe('restore eu-west-1')
  })

  test('refuses to pass when successes after recovery are too few', async () => {
    // Ten seconds of peace count as recovery; what fails later is still counted.
    const late = lateInOutage()
    const { exitCode, report } = await simulate({
      call: (call, phase) => (phase === 'down' && call.client === 'eu-agent' && late(call) ? failedCall : undefined),
    })
    expect(exitCode).toBe(1)
    expect(report.objectives.find(({ name }) => name === 'goodput_after_min')?.held).toBe(false)
    expect(report.objectives.find(({ name }) => name === 'client_rto_s')?.held).toBe(true)
  })

  test('refuses to go on after a wrong verdict, and says so first', async () => {
    const drill = await simulate({
      call: (call, phase) =>
        phase === 'down' && call.region === 'eu-central-1' ? { ok: false, failure: 'wrong_verdict', wrongVerdict: true } : undefined,
    })
    expect(drill.exitCode).toBe(1)
    expect(missedOf(drill)).toContain('wrong_verdicts')
    expect(drill.report.reasons[0]).toMatch(/^wrong verdicts/)
    expect(drill.acts).toEqual(['kill eu-west-1', 'restore eu-west-1'])
  })

  test('refuses to go on after an answer from a foreign zone', async () => {
    const drill = await simulate({
      call: (call, phase) =>
        phase === 'down' && call.region === 'eu-central-1'
          ? { ok: false, failure: 'foreign_zone', region: 'us-east-1', residencyViolation: true }
          : undefined,
    })
    expect(drill.exitCode).toBe(1)
    expect(missedOf(drill)).toContain('residency_violations')
    expect(drill.acts).toEqual(['kill eu-west-1', 'restore eu-west-1'])
  })

  test('refuses to let a slow probe excuse a wrong verdict', async () => {
    const drill = await simulate(
      {
        call: (call, phase) => ({
          sentMs: call.dueMs + 500,
          doneMs: call.dueMs + 600,
          ...(phase === 'down' ? { ok: false, failure: 'wrong_verdict' as const, wrongVerdict: true } : {}),
        }),
      },
      {},
      withBand,
    )
    expect(drill.exitCode).toBe(1)
  })
})

describe('an inconclusive drill', () => {
  test('refuses to judge when the probe itself was late', async () => {
    const drill = await simulate({ call: (call) => ({ sentMs: call.dueMs + 300, doneMs: call.dueMs + 320 }) })
    expect(drill.exitCode).toBe(3)
    expect(drill.report.reasons.join()).toMatch(/too busy to measure on/)
  })

  test('refuses to judge when the probe stopped calling', async () => {
    const drill = await simulate({ probeStallsAtMs: 24_000 })
    expect(drill.exitCode).toBe(3)
    expect(drill.report.reasons.join()).toMatch(/% of its calls/)
  })

  test('refuses to inject anything when the run without fault is out of band', async () => {
    const drill = await simulate({ call: (call, _, sinceMs) => (sinceMs > 6000 && call.dueMs % 1000 < 60 ? failedCall : undefined) })
    expect(drill.exitCode).toBe(3)
    expect(drill.acts).toEqual([])
    expect(drill.report.reasons.join()).toMatch(/out of band/)
  })

  test('refuses to inject anything when the run without fault is slow', async () => {
    const drill = await simulate({ call: (call, _, sinceMs) => (sinceMs > 4000 ? { doneMs: call.dueMs + 900 } : undefined) })
    expect(drill.exitCode).toBe(3)
    expect(drill.acts).toEqual([])
  })

  test('refuses to start from an unsteady state', async () => {
    const drill = await simulate({
      call: (call) => (call.client === 'apac-agent' ? { ok: false, failure: 'http_401', detail: 'invalid_token' } : undefined),
    })
    expect(drill.exitCode).toBe(3)
    expect(drill.acts).toEqual([])
    expect(drill.report.reasons.join()).toMatch(/apac-agent failed, the last one http_401 \(invalid_token\)/)
  })

  test('rolls back when injecting throws', async () => {
    const drill = await simulate({ injectThrows: true })
    expect(drill.exitCode).toBe(3)
    expect(drill.acts).toEqual(['kill eu-west-1', 'restore eu-west-1'])
    expect(drill.report.reasons).toContain('the control API went away')
  })

  test('goes on after a moment without an answer of the fabric, and ends when it stays silent', async () => {
    expect((await simulate({ blindLooks: 3 })).exitCode).toBe(0)
    const silent = await simulate({ blindLooks: 99 })
    expect(silent.exitCode).toBe(3)
    expect(silent.report.reasons).toEqual(['no answer to GET /events'])
  })

  test('rolls back when the probe dies', async () => {
    const drill = await simulate({ probeDiesAtMs: 25_000 })
    expect(drill.exitCode).toBe(3)
    expect(drill.acts).toEqual(['kill eu-west-1', 'restore eu-west-1'])
  })

  test('rolls back when the operator interrupts it, and still reports', async () => {
    const drill = await simulate({ interruptAtMs: 25_000 })
    expect(drill.exitCode).toBe(3)
    expect(drill.acts).toEqual(['kill eu-west-1', 'restore eu-west-1'])
    expect(drill.markdown).toContain('interrupted by the operator')
    expect(drill.closed).toBe(true)
  })
})

describe('a rollback', () => {
  test('is tried again when it fails', async () => {
    const drill = await simulate({ interruptAtMs: 25_000, restoreFails: 2 })
    expect(drill.acts).toEqual(['kill eu-west-1', ...Array.from({ length: 3 }, () => 'restore eu-west-1')])
    expect(drill.report.reasons.join()).not.toMatch(/rollback/)
  })

  test('clears away what an earlier drill left behind when it was killed', async () => {
    const drill = await simulate({ leftDown: true })
    expect(drill.exitCode).toBe(0)
    expect(drill.acts).toEqual(['restore eu-west-1', 'kill eu-west-1', 'restore eu-west-1', 'restore eu-west-1'])
  })

  test('refuses to pass over a region that it could not bring back', async () => {
    const drill = await simulate({ restoreFails: 99 })
    expect(drill.exitCode).toBe(1)
    expect(drill.report.reasons.join()).toMatch(/eu-west-1 is NOT restored: no answer/)
    expect(drill.markdown).toContain('ROLLBACK FAILED')
  })
})

describe('wrong usage', () => {
  test.each([
    [
      'an unknown fault',
      (text: string) => text.replace('fault: region.kill', 'fault: region.freeze'),
      /runbooks\/region-loss\.md:\d+: fault: /,
    ],
    [
      'an unknown objective',
      (text: string) => text.replace('client_rto_s:', 'client_rot_s:'),
      /runbooks\/region-loss\.md:\d+: objectives.*client_rot_s/,
    ],
    [
      'a region that does not run',
      (text: string) => text.replace('region: eu-west-1\nat:', 'region: eu-north-1\nat:'),
      /no region "eu-north-1" is running/,
    ],
    [
      'an agent without a token',
      (text: string) => text.replace('agent: ops-agent', 'agent: opps-agent'),
      /no agent "opps-agent" is running/,
    ],
    [
      'an observation that is too short',
      (text: string) => text.replace('for: { rto: 1, seconds: 14 }', 'for: { seconds: 9 }'),
      /too short to show/,
    ],
  ])('refuses %s before anything runs', async (_, change, message) => {
    const drill = await simulate({}, {}, change)
    expect(drill.exitCode).toBe(2)
    expect(drill.said.join('\n')).toMatch(message)
    expect(drill.acts).toEqual([])
    expect(drill.report).toBeUndefined()
  })

  test.each([
    [{ runbook: 'region-los' }, /no runbook "region-los", there are control-plane-loss, region-loss/],
    [{ runbook: '../etc/passwd' }, /runbook: is not the name of a runbook/],
    [{ repeat: 0 }, /repeat: /],
    [{ seed: -1 }, /seed: /],
    [{ profile: 'deployed' as const }, /the fabric that runs has profile compressed, not deployed/],
  ])('refuses the options %j', async (options, message) => {
    const drill = await simulate({}, options)
    expect(drill.exitCode).toBe(2)
    expect(drill.said.join('\n')).toMatch(message)
    expect(drill.acts).toEqual([])
  })
})

function withBand(text: string): string {
  return text.replace('p99_max_ms: 500', 'p99_max_ms: 5000')
}

/** Picks a client's calls from twelve seconds after its first answer of the standby on. */
function lateInOutage(): (call: ProbeResult) => boolean {
  let firstMs = Number.POSITIVE_INFINITY
  return ({ region, dueMs }) => {
    if (region === 'eu-central-1') firstMs = Math.min(firstMs, dueMs)
    return dueMs - firstMs > 12_000
  }
}

describe('a control plane loss drill', () => {
  const drillOf = (plants: Parameters<typeof simulate>[0] = {}) => simulate(plants, { runbook: 'control-plane-loss' })

  test('holds when nobody notices, and a new control plane publishes to every region', async () => {
    const drill = await drillOf()
    expect(drill.report.reasons).toEqual([])
    expect(drill.exitCode).toBe(0)
    expect(drill.acts).toEqual(['kill control-plane', 'restore control-plane', 'publish', 'restore control-plane'])
  })

  test('clears away what an earlier drill has left behind', async () => {
    const drill = await drillOf({ controlPlaneLeftDown: true })
    expect(drill.exitCode).toBe(0)
    expect(drill.acts.slice(0, 3)).toEqual(['restore control-plane', 'publish', 'kill control-plane'])
  })

  test('refuses to pass when one region does not take what is published', async () => {
    const drill = await drillOf({ deafRegion: 'us-east-1' })
    expect(drill.report.verdict).toBe('missed')
    expect(drill.report.reasons.join()).toContain('us-east-1 serves 3, not number 4')
  })

  test('refuses to pass when the new one publishes nothing', async () => {
    const drill = await drillOf({ publishesNothing: true })
    expect(drill.exitCode).not.toBe(0)
    expect(drill.report.reasons.join()).toContain('does not publish')
  })

  test.each([
    ['a region that needs the control plane', 'us-agent'],
    ['the region where it stood', 'eu-agent'],
  ])('refuses to pass when calls fail in %s', async (_, client) => {
    const drill = await drillOf({
      call: (call, _phase, clockMs) => (call.client === client && clockMs > 25_000 && call.dueMs % 2000 < 60 ? failedCall : undefined),
    })
    expect(drill.report.verdict).toBe('missed')
    expect(missedOf(drill)).toEqual(expect.arrayContaining([client === 'us-agent' ? 'failed_elsewhere' : 'client_rto_s']))
  })
})
