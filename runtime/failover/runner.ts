import { checkFault } from './checks.ts'
import { controlFault, gateFault, measureControl } from './decisions.ts'
import { describeError } from './describe-error.ts'
import { FAULTS, type Fault } from './faults/registry.ts'
import type { Round } from './measures.ts'
import type { Outcome } from './outcome.ts'
import { durationMs, type Plan } from './plan.ts'
import { rollback } from './rollback.ts'
import type { Runbook } from './runbook.ts'
import type { BlockOf, Check, Duration } from './runbook-schema.ts'
import { LOOK_MS, type Ports, type Run, Stop, watch, watchMs } from './watch.ts'

/** Runs a plan to its end, or to the first reason to stop. Whatever happens, every fault that was tried is undone. */
export async function runPlan(plan: Plan, ports: Ports): Promise<Outcome> {
  const outcome: Outcome = { ended: { how: 'completed' }, startedMs: ports.time.now(), endedMs: 0, rounds: [], failedChecks: [] }
  const run: Run = {
    plan,
    ports,
    outcome,
    round: 0,
    roundStartedMs: 0,
    injected: new Set(),
    position: 0,
    looks: 0,
    blindLooks: 0,
    names: new Map(),
  }
  try {
    run.position = (await ports.fabric.events(0)).last
    await undoLeftOvers(run)
    for (run.round = 1; run.round <= plan.killDelaysMs.length; run.round += 1) await runRound(run)
  } catch (error) {
    outcome.ended = error instanceof Stop ? { how: error.how, detail: error.message } : { how: 'error', detail: describeError(error) }
    ports.say(`stopped: ${outcome.ended.detail}`)
  } finally {
    await rollback(run)
    ports.journal.add(...(await ports.probes.stop()).map((result) => ({ type: 'probe' as const, ...result })))
  }
  outcome.endedMs = ports.time.now()
  closeOpenRound(run)
  return outcome
}

/** A drill that was killed may have left its fault behind: the next one clears it away before it looks for a steady state. */
async function undoLeftOvers(run: Run): Promise<void> {
  const { plan, ports } = run
  run.roundStartedMs = ports.time.now()
  for (const step of plan.runbook.steps) {
    if (step.type !== 'inject') continue
    const fault: Fault = FAULTS[step.fault]
    if (!(await fault.isLeft(ports.fabric, step.region))) continue
    const mark = await fault.undo(ports.fabric, step.region)
    if (mark.processes.length === 0) continue
    ports.journal.add({ type: 'fault', fault: step.fault, region: step.region, action: 'undo', ...mark })
    ports.say(`${step.fault} ${step.region} was left behind by an earlier drill; it is undone`)
    await watchMs(run, plan.bounds.failbackMs)
  }
}

type Step = Runbook['steps'][number]

async function runRound(run: Run): Promise<void> {
  run.current = { round: run.round, region: run.plan.region }
  run.roundStartedMs = run.ports.time.now()
  for (const step of run.plan.runbook.steps) {
    // One control run serves all rounds; the rollback has its own place, in `finally`.
    if (step.type === 'rollback' || (step.type === 'control' && run.round > 1)) continue
    mark(run, step, 'started')
    const fault = await runStep(run, step)
    mark(run, step, fault === undefined ? 'passed' : 'failed', fault)
    if (fault !== undefined) run.outcome.failedChecks.push({ step: step.id, round: run.round, detail: fault })
  }
  run.current.endMs = run.ports.time.now()
  run.outcome.rounds.push(run.current as Round)
  delete run.current
}

/** @returns what did not hold, for steps whose failing does not end the drill */
async function runStep(run: Run, step: Step): Promise<string | undefined> {
  switch (step.type) {
    case 'steady':
      return steady(run, step)
    case 'control':
      return control(run, step)
    case 'inject':
      return inject(run, step)
    case 'observe':
      return void (await watch(run, step.for))
    case 'operator':
    case 'verify':
      return awaitChecks(run, step.checks, step.within)
    case 'failback':
      return failback(run, step)
    case 'rollback':
      return undefined
  }
}

async function steady(run: Run, step: BlockOf<'steady'>): Promise<undefined> {
  const { plan, ports } = run
  await ports.probes.start(plan.clients, await ports.fabric.tokens())
  const fromMs = ports.time.now()
  run.current = { ...run.current, steadyFromMs: fromMs }
  await watch(run, step.for)
  const unsteady = (await unmetChecks(run, step.checks)) ?? gateFault(ports.journal.events, fromMs, ports.time.now(), plan)
  if (unsteady !== undefined) throw new Stop('gate', `not in a steady state before any fault: ${unsteady}`)
  ports.say(`round ${run.round}: steady`)
}

async function control(run: Run, step: BlockOf<'control'>): Promise<undefined> {
  const { plan, ports } = run
  const fromMs = ports.time.now()
  ports.say(`control run without fault, ${Math.round(durationMs(step.for, plan.bounds) / 1000)} s`)
  await watch(run, step.for)
  const measured = measureControl(ports.journal.events, fromMs, ports.time.now())
  run.outcome.control = measured
  const outOfBand = controlFault(measured, plan.runbook.control_band)
  if (outOfBand !== undefined) throw new Stop('control', `the control run without fault was out of band: ${outOfBand}`)
}

async function inject(run: Run, step: BlockOf<'inject'>): Promise<undefined> {
  const { plan, ports } = run
  await watchMs(run, plan.killDelaysMs[run.round - 1] ?? 0)
  const fault: Fault = FAULTS[step.fault]
  // Noted before it is tried: an injection that failed half-way needs the rollback most.
  run.injected.add(step.id)
  const mark = await fault.inject(ports.fabric, step.region, plan.runbook.abort.round_minutes * 60_000)
  run.current = { ...run.current, t0Ms: mark.atMs }
  ports.journal.add({ type: 'fault', fault: step.fault, region: step.region, action: 'inject', ...mark })
  ports.say(`round ${run.round}: ${step.fault} ${step.region} (${mark.processes.join(', ')})`)
}

async function failback(run: Run, step: BlockOf<'failback'>): Promise<undefined> {
  const { ports } = run
  const target = run.plan.runbook.steps.find(
    (other): other is Step & BlockOf<'inject'> => other.type === 'inject' && other.id === step.undo,
  )
  if (target === undefined) throw new Error(`no inject block ${step.undo}`)
  run.current = { ...run.current, undoAtMs: ports.time.now() }
  const fault: Fault = FAULTS[target.fault]
  const mark = await fault.undo(ports.fabric, target.region)
  run.current = { ...run.current, readyAtMs: mark.doneAtMs }
  ports.journal.add({ type: 'fault', fault: target.fault, region: target.region, action: 'undo', ...mark })
  ports.say(`round ${run.round}: ${target.fault} ${target.region} was undone after ${((mark.doneAtMs - mark.atMs) / 1000).toFixed(1)} s`)
  await watch(run, step.for)
}

/** Polls until all checks hold or the time is over. */
async function awaitChecks(run: Run, checks: readonly Check[], within: Duration): Promise<string | undefined> {
  const untilMs = run.ports.time.now() + durationMs(within, run.plan.bounds)
  for (;;) {
    const unmet = await unmetChecks(run, checks)
    if (unmet === undefined || run.ports.time.now() >= untilMs) return unmet
    await watchMs(run, LOOK_MS)
  }
}

async function unmetChecks({ ports }: Run, checks: readonly Check[]): Promise<string | undefined> {
  for (const check of checks) {
    const fault = await checkFault(check, ports.fabric)
    if (fault !== undefined) return fault
  }
  return undefined
}

/** A round that was cut short is measured as far as it came, if its fault was there at all. */
function closeOpenRound({ current, outcome }: Run): void {
  if (current?.t0Ms === undefined) return
  const endMs = outcome.endedMs
  outcome.rounds.push({
    undoAtMs: outcome.rollback?.atMs ?? endMs,
    readyAtMs: outcome.rollback?.doneAtMs ?? endMs,
    endMs,
    ...current,
  } as Round)
}

function mark({ ports, round }: Run, step: Step, state: 'started' | 'passed' | 'failed', detail?: string): void {
  ports.journal.add({ type: 'step', atMs: ports.time.now(), step: step.id, round, state, ...(detail === undefined ? {} : { detail }) })
}
