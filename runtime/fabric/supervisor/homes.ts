import { z } from 'zod'
import { ask } from './ask.ts'

const WAIT_MS = 30_000
const POLL_MS = 100
/** For so long all regions have to agree that a tenant is served where nothing runs: one that has not looked yet would say so too. */
const AGREED_MS = 2000

/** What one region says of one region-bound tenant. */
export interface HomeSaid {
  region: string
  active: string | null
  serves: boolean
}

export interface HomesToWaitFor {
  /** Region-bound tenants, by id. */
  tenants: readonly { id: string; zone: string }[]
  served: readonly { region: string; zone: string }[]
  /** A region's operator API and a viewer's token for it. */
  operator: (region: string) => string
  token: string
}

/**
 * Waits until every region-bound tenant is served by a region: one that has just started has to see first that no other was promoted
 * meanwhile. Where regions were left out of the start that may never come, so then it goes on, and says who is not served and what to do.
 */
export async function untilHomesServe({ tenants, served, operator, token }: HomesToWaitFor, report: (line: string) => void): Promise<void> {
  const giveUpAt = performance.now() + WAIT_MS
  await Promise.all(
    tenants.map(async ({ id, zone }) => {
      const regions = served.filter((cell) => cell.zone === zone).map(({ region }) => region)
      if (regions.length === 0) return
      let goneSinceMs: number | undefined
      for (;;) {
        const said = await Promise.all(regions.map((region) => saidOf(id, region, operator(region), token)))
        const stands = standOf(said, regions)
        if (stands === 'served') return
        goneSinceMs = stands === 'waits' ? undefined : (goneSinceMs ?? performance.now())
        if (goneSinceMs !== undefined && stands !== 'waits' && performance.now() - goneSinceMs >= AGREED_MS) {
          report(`${id} is served by ${stands.gone}, which does not run here: aegis promote ${id} --region ${regions[0]} --home-lost`)
          return
        }
        if (performance.now() > giveUpAt) {
          report(`${id} is not served yet: aegis status says where it will be`)
          return
        }
        await new Promise((resolve) => setTimeout(resolve, POLL_MS))
      }
    }),
  )
}

/** @param said undefined: that region does not say anything yet */
export function standOf(said: readonly (HomeSaid | undefined)[], running: readonly string[]): 'served' | 'waits' | { gone: string } {
  if (said.some((one) => one?.serves)) return 'served'
  const [active, ...others] = [...new Set(said.map((one) => one?.active))]
  if (typeof active !== 'string' || others.length > 0 || running.includes(active)) return 'waits'
  return { gone: active }
}

const statusBody = z.object({ homes: z.array(z.object({ tenant: z.string(), active_region: z.string().nullable(), serves: z.boolean() })) })

async function saidOf(tenant: string, region: string, url: string, token: string): Promise<HomeSaid | undefined> {
  const answer = await ask(`${url}/v1/status`, { authorization: `Bearer ${token}` })
  if (answer?.status !== 200) return undefined
  const found = statusBody.parse(JSON.parse(answer.body)).homes.find((home) => home.tenant === tenant)
  return found && { region, active: found.active_region, serves: found.serves }
}
