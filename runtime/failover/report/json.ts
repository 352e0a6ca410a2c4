import { toWire } from '../journal.ts'
import { boundsOf, projectRtoMs } from '../profile.ts'
import type { Drill } from './markdown.ts'

/** The report for programs: the same content as the Markdown, snake_case, durations in the unit that the key carries. */
export function renderJson({ plan, outcome, verdict, events, facts }: Drill): string {
  const { runbook, profile } = plan
  const report = {
    version: 1,
    runbook: { id: runbook.id, title: runbook.title, hypothesis: runbook.hypothesis },
    verdict: verdict.word,
    exitCode: verdict.exitCode,
    reasons: verdict.reasons,
    startedAt: new Date(outcome.startedMs).toISOString(),
    endedAt: new Date(outcome.endedMs).toISOString(),
    region: plan.region,
    seed: plan.seed,
    killDelaysMs: plan.killDelaysMs,
    ended: outcome.ended,
    objectives: verdict.objectives,
    safety: verdict.safety,
    // Moments and measures of a round belong together.
    rounds: outcome.rounds.map((round, index) => ({ ...round, ...verdict.rounds[index] })),
    failedChecks: outcome.failedChecks,
    control: outcome.control ?? null,
    controlBand: runbook.control_band,
    rollback: outcome.rollback ?? null,
    probe: { ...runbook.probe, calls: events.filter(({ type }) => type === 'probe').length, lag: verdict.lag },
    profile: { ...profile, bounds: plan.bounds },
    projection: {
      note: 'scaled to the deployed timings, not measured',
      objectiveRtoMs: boundsOf(profile.deployed).rtoMs,
      rtoMs: verdict.rounds.map(({ detectionMs, rtoMs }) =>
        detectionMs === null || rtoMs === null ? null : projectRtoMs(profile, { detectionMs, rtoMs }),
      ),
    },
    facts,
  }
  return `${JSON.stringify(toWire(report), null, 2)}\n`
}
