import { ask } from './ask.ts'
import type { FabricPlan } from './plan.ts'

const WAIT_MS = 30_000
const POLL_MS = 100

/**
 * Waits until every region says that it serves the region-bound tenants whose home it is: a region that has just started has to
 * see first that no other was promoted meanwhile. Where regions were left out of the start that may never come, so after a while it
 * goes on and says which region is not there yet.
 */
export async function untilHomesServe(
  { served, ports }: Pick<FabricPlan, 'served' | 'ports'>,
  report: (line: string) => void,
): Promise<void> {
  const giveUpAt = performance.now() + WAIT_MS
  await Promise.all(
    served.map(async ({ region }) => {
      for (;;) {
        const answer = await ask(`http://127.0.0.1:${ports.gateway[region]}/health/ready`)
        if (answer?.status === 200 && servesHomes(answer.body)) return
        if (performance.now() > giveUpAt) {
          report(`${region} does not serve its region-bound tenants yet`)
          return
        }
        await new Promise((resolve) => setTimeout(resolve, POLL_MS))
      }
    }),
  )
}

/** @param body of `GET /health/ready`. A gateway that says nothing of it has nobody to wait for. */
export function servesHomes(body: string): boolean {
  try {
    const { region_bound: state = 'ready' } = JSON.parse(body) as { region_bound?: unknown }
    return state === 'ready'
  } catch {
    return false
  }
}
