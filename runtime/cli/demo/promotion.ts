import { freshToken } from '../fabric-client.ts'
import { promoteTenant } from '../promote.ts'
import type { DemoCall, DemoFlow, Walk } from './row.ts'
import { ALLOW, PATIENT } from './table.ts'
import { callUntil } from './wait.ts'

const TENANT = 'clinic-eu'
const AGENT = 'ward-agent'
const HOME = 'eu-west-1'
const STANDBY = 'eu-central-1'
const ELSEWHERE = { status: 503, error: 'home_region_unavailable' }

/** Row 17: a region-bound tenant moves to its standby and home again, and is never served in two regions. */
export const promotedStandby: DemoFlow = {
  row: 17,
  what: 'a region-bound tenant at the standby',
  agents: [AGENT],
  regions: [HOME, STANDBY],
  async walk(walk) {
    const { fabric } = walk
    // Each attempt has a session of its own: what a session did before a promotion is known only where it did it.
    const reading = async (region: string, what: string, expected: DemoCall['expected']): Promise<DemoCall> => ({
      row: 17,
      what,
      agent: AGENT,
      tool: 'ehr',
      action: 'read_record',
      args: PATIENT,
      bearer: await freshToken(fabric, { agent: AGENT }),
      entrance: { region },
      expected,
    })
    const served = (region: string, what: string) => callUntil(walk, () => reading(region, what, ALLOW))
    const refused = async (region: string, what: string) => walk.call(await reading(region, what, ELSEWHERE))

    await bringHome(walk, () => reading(HOME, 'at home', ALLOW))
    await refused(STANDBY, 'at the standby')
    await promoteTenant(fabric, { tenant: TENANT, region: STANDBY, homeLost: false })
    try {
      const { afterMs } = await served(STANDBY, 'at the standby, promoted')
      walk.say(`Row 17: ${STANDBY} serves ${TENANT} ${afterMs} ms after it was promoted.`)
      await refused(HOME, 'at home, released')
    } finally {
      await promoteHome(walk)
    }
    await served(HOME, 'at home, promoted again')
    await refused(STANDBY, 'at the standby, released')
  },
}

/** A walk that died on its way may have left the tenant at the standby. */
async function bringHome(walk: Walk, atHome: () => Promise<DemoCall>): Promise<void> {
  const made = await walk.make(await atHome())
  if (made.ok || made.status !== ELSEWHERE.status) return
  walk.say(`Row 17: bringing ${TENANT} home, which was promoted away before.`)
  await promoteHome(walk)
  await callUntil(walk, atHome, { note: false })
}

/** Right after another promotion a region may not know yet that it is the one to ask: worth more than one try. */
async function promoteHome({ fabric, patienceMs }: Walk): Promise<void> {
  const giveUpAt = performance.now() + patienceMs
  for (;;) {
    try {
      await promoteTenant(fabric, { tenant: TENANT, region: HOME, homeLost: false })
      return
    } catch (error) {
      if (performance.now() > giveUpAt) throw error
      await new Promise((resolve) => setTimeout(resolve, RETRY_MS))
    }
  }
}

const RETRY_MS = 500
