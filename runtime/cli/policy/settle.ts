import type { Status } from './answers.ts'
import { behindOf } from './behind.ts'
import { nextStatus, timed, type Watch } from './watch.ts'

/** Gateways look for a new pointer once a second, and report as often. */
const SETTLE_MS = 15_000

/**
 * The pointers have moved; whether every process has followed is what its own report says. Waits for that, and says who is missing.
 * @returns whether it is so
 */
export async function settle(watch: Watch, isThere: (status: Status) => boolean): Promise<boolean> {
  const { terminal } = watch
  const giveUpAt = performance.now() + Math.min(SETTLE_MS, watch.pace.patienceMs)
  for (;;) {
    const status = await nextStatus(watch)
    if (status === undefined || 'silentMs' in status) {
      terminal.say(timed(watch, 'whether every gateway has it is not known; npm run policy -- status shows it'))
      return false
    }
    if (isThere(status)) {
      const { length } = status.fleet
      terminal.say(timed(watch, length === 1 ? 'the only gateway has it' : `all ${length} gateways have it`))
      return true
    }
    if (performance.now() > giveUpAt) {
      terminal.say(timed(watch, 'not every gateway has it yet:'))
      for (const line of behindOf(status)) terminal.say(`          ${line}`)
      terminal.say('          npm run policy -- status --watch shows when they have')
      return false
    }
    terminal.now(timed(watch, 'waiting for every gateway to say that it has it'))
  }
}
