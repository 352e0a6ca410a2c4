import type { FleetReport, FleetReports } from '../../state/fleet.ts'

/** Says again and again what this process runs, and at once when that has changed. */
export interface FleetReporter {
  /** Says it at the end of this turn of the event loop, or right after the report that is on its way. */
  changed(): void
  /** Resolves when what has been asked for was said, or could not be said. Never rejects. */
  said(): Promise<void>
  /** @returns stops it, after the report that is on its way */
  start(): () => Promise<void>
}

export interface FleetReporterOptions {
  fleet: Pick<FleetReports, 'write'>
  compose: () => FleetReport
  log: (event: { event: 'fleet_unreachable'; detail: string }) => void
  idleMs?: number
  /** While a candidate decides or is compared, since a rollout watches what it does. One that is only made ready is told of when it is. */
  rolloutMs?: number
}

const IDLE_MS = 5000
// Twice in the shortest bake time: what is seen at its end must not be what was seen at its begin.
const ROLLOUT_MS = 250

/** Nothing depends on a report: what fails is told once, and said again at the next time. */
export function fleetReporter({ fleet, compose, log, idleMs = IDLE_MS, rolloutMs = ROLLOUT_MS }: FleetReporterOptions): FleetReporter {
  let running = false
  let saying: Promise<void> | undefined
  let again = false
  let unheard = false
  let timer: NodeJS.Timeout | undefined

  /** @returns how long to wait before the next one */
  const say = async (): Promise<number> => {
    try {
      const report = compose()
      const { candidate } = report.aegis
      const watched = candidate !== null && (candidate.share_percent > 0 || candidate.compare)
      const waitMs = watched ? rolloutMs : idleMs
      await fleet.write(report)
      unheard = false
      return waitMs
    } catch (error) {
      if (!unheard) log({ event: 'fleet_unreachable', detail: String(error) })
      unheard = true
      return idleMs
    }
  }

  const sayAll = async () => {
    // What else changes in this turn goes along.
    await new Promise((resolve) => setImmediate(resolve))
    let waitMs: number
    do {
      again = false
      waitMs = await say()
    } while (again && running)
    saying = undefined
    if (running) timer = setTimeout(next, waitMs)
  }

  const next = () => {
    clearTimeout(timer)
    again = saying !== undefined
    saying ??= sayAll()
  }

  return {
    changed() {
      if (running) next()
    },
    said: async () => saying,
    start() {
      running = true
      next()
      return async () => {
        running = false
        clearTimeout(timer)
        await saying
      }
    },
  }
}
