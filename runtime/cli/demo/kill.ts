import { liftKill, listKills, throwKill } from '../kills.ts'
import type { DemoCall, DemoFlow, Walk } from './row.ts'
import { ALLOW, PAYMENT, pay } from './table.ts'
import { callUntil } from './wait.ts'

const AGENT = 'rogue-agent'
const KILLED = { status: 200, decision: 'deny', enforced: 'deny', reason: 'kill_switch' }

/** Row 14: an agent is stopped from one region, and every region refuses it. */
export const killedAgent: DemoFlow = {
  row: 14,
  what: 'an agent that is killed',
  agents: [AGENT],
  regions: [],
  async walk(walk) {
    const { fabric, place } = walk
    // Regions that take its token; the switch itself may be thrown in any.
    const regions = place.regions.filter(({ zone }) => zone === 'eu').map(({ region }) => region)
    const thrownAt = place.regions.find(({ zone }) => zone !== 'eu')?.region ?? regions.at(-1) ?? ''
    const paying = (region: string, what: string, expected: DemoCall['expected']): DemoCall => ({
      row: 14,
      what,
      ...pay,
      agent: AGENT,
      args: PAYMENT,
      entrance: { region },
      expected,
    })
    await liftLeftovers(walk)
    const everywhere = (what: string, expected: DemoCall['expected']) =>
      Promise.all(regions.map((region) => callUntil(walk, () => paying(region, what, expected))))
    await everywhere('before it is killed', ALLOW)
    const { id } = await throwKill(fabric, { type: 'agent', id: AGENT, reason: 'the demo', region: thrownAt })
    try {
      const refused = await everywhere(`killed at ${thrownAt}`, KILLED)
      walk.say(`Row 14: killed at ${thrownAt}, refused ${timesOf(regions, refused)}.`)
    } finally {
      await liftKill(fabric, id, 'end of the demo')
    }
    const again = await everywhere('lifted by the control plane', ALLOW)
    walk.say(`Row 14: lifted, allowed again ${timesOf(regions, again)}.`)
  },
}

const timesOf = (regions: readonly string[], made: readonly { afterMs: number }[]) =>
  regions.map((region, at) => `in ${region} after ${made[at]?.afterMs} ms`).join(', ')

/** Of a walk that died between killing and lifting. */
async function liftLeftovers({ fabric, say }: Walk): Promise<void> {
  const { kills } = await listKills(fabric)
  const left = kills.filter(({ scope, lifted }) => scope.type === 'agent' && scope.id === AGENT && lifted !== true)
  for (const { id } of left) {
    say(`Row 14: lifting ${id}, which was thrown before.`)
    await liftKill(fabric, id, 'left over from an earlier demo')
  }
}
