import { randomInt } from 'node:crypto'
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { basename, join, relative, resolve } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { z } from 'zod'
import { now } from './clock.ts'
import { type OpenFabric, openFabric } from './fabric-process.ts'
import type { FabricControl } from './faults/control.ts'
import { FabricUnreachable } from './faults/fabric.ts'
import { openJournal } from './journal.ts'
import { claimFabric } from './one-drill.ts'
import { planDrill } from './plan.ts'
import { type Probes, workerProbes } from './probes/probes.ts'
import { runFacts } from './report/facts.ts'
import { renderJson } from './report/json.ts'
import { renderMarkdown } from './report/markdown.ts'
import { parseRunbook, type Runbook, RunbookError } from './runbook.ts'
import { runPlan } from './runner.ts'
import { judgeDrill } from './verdict.ts'

const optionsSchema = z.strictObject({
  /** Name of a file in `runbooks/` without its ending, or `all`. */
  runbook: z.string().regex(/^[a-z][a-z0-9-]*$/, 'is not the name of a runbook'),
  /** Kills, each at another phase. */
  repeat: z.int().min(1).max(50).default(1),
  /** Timings of a fabric that is started here. Default: those of the one that runs, else compressed. */
  profile: z.enum(['compressed', 'deployed']).optional(),
  /** Repeats the phases of an earlier drill. Default: drawn, and printed. */
  seed: z
    .int()
    .min(0)
    .max(2 ** 32 - 1)
    .optional(),
  /** Where the fabric keeps its files, relative to the root of the repository. */
  stateDir: z.string().min(1).default('.aegis'),
})

export type DrillOptions = z.input<typeof optionsSchema>

/** What a drill touches outside its own process; each has the real thing as default. */
export interface DrillWorld {
  /** Root of the repository: holds `runbooks/` and gets `reports/`. */
  root?: string
  open?: (start: Parameters<typeof openFabric>[0]) => Promise<OpenFabric>
  probes?: () => Probes
  time?: { now(): number; sleep(ms: number): Promise<void> }
  say?: (line: string) => void
  /** Ctrl-C by default. */
  signal?: AbortSignal
}

type ExitCode = 0 | 1 | 2 | 3

/**
 * Runs one runbook, or all of them, and writes `reports/drills/<time>-<id>/{report.md,report.json,journal.jsonl}`.
 * Runbooks are parsed, all of them, before anything is started.
 * @returns 0 every objective held; 1 one was missed; 2 wrong usage or a bad runbook, nothing was run;
 *   3 inconclusive. Of several runbooks the worst: 1 before 3 before 0
 */
export async function runDrill(options: DrillOptions, world: DrillWorld = {}): Promise<ExitCode> {
  const say = world.say ?? ((line: string) => void process.stdout.write(`${line}\n`))
  const parsed = optionsSchema.safeParse(options)
  if (!parsed.success) {
    for (const { path, message } of parsed.error.issues) say(`drill: ${path.join('.') || 'options'}: ${message}`)
    return 2
  }
  const interrupt = world.signal === undefined ? interruptible(say) : undefined
  const signal = world.signal ?? (interrupt?.signal as AbortSignal)
  const root = world.root ?? fileURLToPath(new URL('../..', import.meta.url))
  try {
    const runbooks = readRunbooks(root, parsed.data.runbook)
    const codes: ExitCode[] = []
    for (const runbook of runbooks) {
      if (signal.aborted) codes.push(3)
      else
        codes.push(
          await drillOne(runbook, { ...parsed.data, seed: parsed.data.seed ?? randomInt(2 ** 32) }, { ...world, root, say, signal }),
        )
    }
    return ([2, 1, 3] as const).find((code) => codes.includes(code)) ?? 0
  } catch (error) {
    if (error instanceof RunbookError) {
      for (const fault of error.faults) say(`drill: ${fault}`)
      return 2
    }
    if (error instanceof FabricUnreachable) {
      say(`drill: ${error.message}`)
      return 3
    }
    throw error
  } finally {
    interrupt?.release()
  }
}

type Settled = z.output<typeof optionsSchema> & { seed: number }

async function drillOne(
  runbook: Runbook,
  { profile, repeat, seed, stateDir }: Settled,
  world: DrillWorld & { root: string; say: (line: string) => void; signal: AbortSignal },
): Promise<ExitCode> {
  const { root, say, signal } = world
  const folder = join(root, 'reports', 'drills', `${new Date().toISOString().replace(/[-:]|\.\d+/g, '')}-${runbook.id}`)
  const release = claimFabric(resolve(root, stateDir))
  try {
    const open = world.open ?? openFabric
    const opened = await open({
      root,
      stateDir: resolve(root, stateDir),
      profile: profile ?? 'compressed',
      logFile: join(folder, 'fabric.log'),
      signal,
      say,
    })
    return await drillOn(opened, folder, runbook, { profile, repeat, seed }, world)
  } finally {
    release()
  }
}

async function drillOn(
  { fabric, close }: OpenFabric,
  folder: string,
  runbook: Runbook,
  { profile, repeat, seed }: Omit<Settled, 'stateDir' | 'runbook'>,
  world: DrillWorld & { root: string; say: (line: string) => void; signal: AbortSignal },
): Promise<ExitCode> {
  const { root, say, signal } = world
  try {
    refuseOtherProfile(fabric, profile)
    const plan = planDrill(runbook, fabric, new Set(Object.keys(await fabric.tokens())), { seed, repeat })
    mkdirSync(folder, { recursive: true })
    const journal = openJournal(join(folder, 'journal.jsonl'))
    say(`${runbook.title}: ${repeat} round(s), profile ${plan.profile.name}, seed ${seed}`)
    const outcome = await runPlan(plan, {
      fabric,
      probes: (world.probes ?? workerProbes)(),
      journal,
      time: world.time ?? { now, sleep: async (ms) => void (await delay(ms)) },
      say: (line) => say(`  ${line}`),
      signal,
    })
    const verdict = judgeDrill(plan, outcome, journal.events)
    const drill = { plan, outcome, verdict, events: journal.events, facts: runFacts(fabric.about) }
    writeFileSync(join(folder, 'report.md'), renderMarkdown(drill))
    writeFileSync(join(folder, 'report.json'), renderJson(drill))
    say(`${verdict.word.toUpperCase()}: ${runbook.id}${verdict.reasons.map((reason) => `\n  - ${reason}`).join('')}`)
    say(`report: ${relative(root, join(folder, 'report.md'))}`)
    return verdict.exitCode
  } finally {
    await close()
  }
}

function readRunbooks(root: string, name: string): Runbook[] {
  const folder = join(root, 'runbooks')
  const known = readdirSync(folder)
    .filter((file) => file.endsWith('.md') && file !== 'README.md')
    .map((file) => basename(file, '.md'))
    .sort()
  if (name !== 'all' && !known.includes(name)) throw new RunbookError([`no runbook ${JSON.stringify(name)}, there are ${known.join(', ')}`])
  return (name === 'all' ? known : [name]).map((id) => {
    const runbook = parseRunbook(readFileSync(join(folder, `${id}.md`), 'utf8'), `runbooks/${id}.md`)
    if (runbook.id !== id) throw new RunbookError([`${runbook.file}:2: id: ${runbook.id} is not the name of the file`])
    return runbook
  })
}

/** A drill under other timings than the asked ones would compare with the wrong objective. */
function refuseOtherProfile({ profile }: FabricControl, asked: string | undefined): void {
  if (asked === undefined || asked === profile.name) return
  throw new RunbookError([`the fabric that runs has profile ${profile.name}, not ${asked}; end it with Ctrl-C, or leave --profile out`])
}

/** The first Ctrl-C ends the drill and rolls back. The rollback itself is not to be interrupted. */
function interruptible(say: (line: string) => void): { signal: AbortSignal; release: () => void } {
  const controller = new AbortController()
  const stop = () => {
    if (!controller.signal.aborted) say('interrupted: ending the drill and rolling back')
    controller.abort()
  }
  process.on('SIGINT', stop).on('SIGTERM', stop)
  return {
    signal: controller.signal,
    release: () => void process.off('SIGINT', stop).off('SIGTERM', stop),
  }
}
