import type { RunningFabric } from '../fabric-client.ts'
import type { DemoCall, Walk } from './row.ts'

/** The fabric brings back by itself what a demo that died has taken away. */
const RESTORE_AFTER_MS = 120_000

/** Makes the calls while zone eu and the control plane are away, and brings them back. */
export async function callUnderFaults(walk: Walk, calls: readonly DemoCall[]): Promise<void> {
  const { fabric, say } = walk
  if (calls.length === 0) return
  const lost = ['control-plane', ...fabric.regions.filter(({ zone }) => zone === 'eu').map(({ region }) => region)]
  say(`taking away ${lost.join(', ')} ...`)
  const killed: string[] = []
  try {
    for (const region of lost) {
      await fabric.control('POST', '/faults/kill', { region, restore_after_ms: RESTORE_AFTER_MS })
      killed.push(region)
    }
    for (const call of calls) await walk.call(call)
  } finally {
    say('bringing them back ...')
    // The regions first: a control plane finds its next number in their pointers.
    for (const region of killed.reverse()) await fabric.control('POST', '/faults/restore', { region })
    await untilHealthy(fabric)
  }
}

const HEALTHY_WITHIN_MS = 60_000
const POLL_MS = 200

/** Until DNS sees what is back, the next walk through the table would still meet the loss. */
async function untilHealthy(fabric: RunningFabric): Promise<void> {
  const giveUpAt = performance.now() + HEALTHY_WITHIN_MS
  const running = new Set(fabric.regions.map(({ region }) => region))
  while (performance.now() < giveUpAt) {
    const { checks } = (await fabric.control('GET', '/health')) as { checks: { region: string; state: string }[] }
    if (checks.every(({ region, state }) => state === 'healthy' || !running.has(region))) return
    await new Promise((resolve) => setTimeout(resolve, POLL_MS))
  }
}
