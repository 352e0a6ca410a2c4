import { deployment as input } from '../../config/deployment.ts'
import { resolveDeployment } from '../../config/resolve.ts'
import { type Start, startFabric } from '../fabric/supervisor/fabric.ts'
import { giveBackMemory } from '../fabric/supervisor/memory-return.ts'
import type { FabricOptions } from '../fabric/supervisor/plan.ts'
import { EXIT, type ExitCode } from './exit-codes.ts'
import { watchLauncher } from './launcher.ts'
import { overview } from './overview.ts'

// A terminal's Ctrl-C reaches npm and this process, and npm sends it on once more: what comes so soon is the same key.
const SAME_KEY_MS = 1000
const FORCED_EXIT_CODE = 130

/** `aegis up`: runs the whole fabric until it is told to end. */
export async function up(options: FabricOptions): Promise<ExitCode> {
  const startedAt = performance.now()
  const deployment = resolveDeployment(input)
  const out = (line: string) => process.stdout.write(`${line}\n`)
  out(`Aegis: ${deployment.environment} deployment on this machine, profile ${options.profile}`)
  const start = startFabric(deployment, options, { step: shownStep(out), report: (line) => out(`${clockTime()}  ${line}`) })
  const ending = endOnSignal(out, start)
  const fabric = await start.ready.catch(async (error) => {
    // Interrupted on its way up, a start fails in whatever way it happens to: that is not worth telling.
    if (!ending.begun()) throw error
    return undefined
  })
  if (fabric === undefined || ending.begun()) {
    await ending.over
    return EXIT.held
  }
  out(overview(fabric, { seconds: (performance.now() - startedAt) / 1000 }))
  giveBackMemory()
  await ending.over
  return EXIT.held
}

/** Ends everything at a signal, or when the npm that started this is gone. A second signal does not wait. */
function endOnSignal(out: (line: string) => void, start: Pick<Start, 'close' | 'killNow'>): { begun(): boolean; over: Promise<void> } {
  const { promise: over, resolve, reject } = Promise.withResolvers<void>()
  let firstAt: number | undefined
  const end = () => {
    if (firstAt === undefined) {
      firstAt = performance.now()
      out('\nending ...')
      start.close().then(resolve, reject)
    } else if (performance.now() - firstAt > SAME_KEY_MS) {
      start.killNow()
      process.exit(FORCED_EXIT_CODE)
    }
  }
  process.on('SIGINT', end).on('SIGTERM', end)
  process.on('uncaughtException', (error) => {
    console.error(error)
    start.killNow()
    process.exit(EXIT.failed)
  })
  watchLauncher(end)
  return { begun: () => firstAt !== undefined, over }
}

function shownStep(out: (line: string) => void) {
  return async <T>(name: string, work: () => Promise<T>): Promise<T> => {
    const startedAt = performance.now()
    const result = await work()
    out(`  ${name.padEnd(32)} ${((performance.now() - startedAt) / 1000).toFixed(1).padStart(5)} s`)
    return result
  }
}

const clockTime = () => new Date().toTimeString().slice(0, 8)
