import { setTimeout as delay } from 'node:timers/promises'
import { request } from 'undici'
import { z } from 'zod'
import type { Publication } from './control.ts'

/** Where the control plane is, and the tokens of those who may look and publish. Read anew for each order, as tokens expire. */
export interface ControlPlaneAccess {
  url: string
  publisher: string
  viewer: string
}

/** One that has just started reads its store first, and answers 503 until then. */
const OPEN_WITHIN_MS = 30_000
const RETRY_MS = 200
const ANSWER_TIMEOUT_MS = 5000

/** Speaks to the control plane as its operators do. */
export function controlPlaneOperator(access: () => Promise<ControlPlaneAccess>) {
  let orderedSeq: number | undefined

  async function ask(method: 'GET' | 'POST', path: string, who: 'publisher' | 'viewer'): Promise<{ status: number; text: string }> {
    const { url, [who]: token } = await access()
    const answer = await request(new URL(path, url), {
      method,
      headers: { authorization: `Bearer ${token}`, ...(method === 'POST' && { 'content-type': 'application/json' }) },
      ...(method === 'POST' && { body: '{}' }),
      headersTimeout: ANSWER_TIMEOUT_MS,
    })
    return { status: answer.statusCode, text: await answer.body.text() }
  }

  return {
    /** Has it sign and bring to every region what is active, under a new number. Resolves when that is written down. */
    async publishAnew(): Promise<void> {
      const giveUpMs = performance.now() + OPEN_WITHIN_MS
      for (;;) {
        const { status, text } = await ask('POST', '/v1/renewals', 'publisher').catch((error: Error) => ({
          status: 0,
          text: error.message,
        }))
        if (status === 200) {
          orderedSeq = renewed.parse(JSON.parse(text)).seq
          return
        }
        if (performance.now() > giveUpMs) throw new Error(`the control plane does not publish: ${status} ${text.slice(0, 200)}`)
        await delay(RETRY_MS)
      }
    },
    /** @returns undefined when it does not answer */
    async publication(): Promise<Publication | undefined> {
      const answer = await ask('GET', '/v1/status', 'viewer').catch(() => undefined)
      if (answer?.status !== 200) return undefined
      const { regions, fleet } = status.parse(JSON.parse(answer.text))
      return {
        ...(orderedSeq !== undefined && { orderedSeq }),
        regions: regions.map(({ region, error }) => {
          const served = fleet.filter((member) => member.region === region).map(({ seq }) => seq ?? 0)
          return { region, error, servedSeq: served.length === 0 ? null : Math.min(...served) }
        }),
      }
    },
  }
}

const renewed = z.object({ seq: z.int() })
const status = z.object({
  regions: z.array(z.object({ region: z.string(), error: z.string().nullable() })),
  fleet: z.array(z.object({ region: z.string(), seq: z.int().nullable() })),
})
