import { Client as Connection, type Dispatcher, Pool } from 'undici'
import { now } from '../clock.ts'
import type { ProbeResult } from '../journal.ts'
import type { Client } from '../plan.ts'
import type { CallSpec } from '../runbook-schema.ts'
import { type Judgement, judgeAnswer, judgeError } from './judge.ts'
import type { Arrival } from './schedule.ts'

export interface Caller {
  /** Makes one call. Never rejects: whatever happens is the result. */
  call(arrival: Arrival): Promise<ProbeResult>
  close(): void
}

/** Enough connections that a call never waits for another one's answer. */
const KEPT_CONNECTIONS = 64

/**
 * One client as the real ones are: it speaks HTTP to the zone's name through its own way into the network,
 * keeps connections, and drops all of them when a call fails, so that the name is asked for again.
 */
export function openCaller(client: Client, token: string): Caller {
  const open = () => new Pool(client.proxyUrl, { connections: KEPT_CONNECTIONS, pipelining: 1, headersTimeout: 0, bodyTimeout: 0 })
  let kept = open()
  const retire = (dispatcher: Dispatcher) => void dispatcher.close().catch(() => undefined)
  return {
    async call({ dueMs, call: index, connection }) {
      const spec = client.calls[index] as CallSpec
      const dispatcher = connection === 'kept' ? kept : new Connection(client.proxyUrl, { headersTimeout: 0, bodyTimeout: 0 })
      const sentMs = now()
      const judgement = await attempt(dispatcher, client, spec, token)
      const doneMs = now()
      if (connection === 'fresh') retire(dispatcher)
      else if (!judgement.ok && dispatcher === kept) {
        kept = open()
        retire(dispatcher)
      }
      return { client: client.id, call: spec.id, connection, dueMs, sentMs, doneMs, ...judgement }
    },
    close: () => retire(kept),
  }
}

async function attempt(dispatcher: Dispatcher, client: Client, spec: CallSpec, token: string): Promise<Judgement> {
  try {
    const { statusCode, headers, body } = await dispatcher.request({
      origin: client.proxyUrl,
      method: 'POST',
      // The absolute form asks the proxy, which stands for the client's own network, to resolve the name.
      path: `http://${client.host}/v1/decisions`,
      headers: { host: client.host, authorization: `Bearer ${token}`, 'content-type': 'application/json' },
      body: JSON.stringify({ tool: spec.tool, action: spec.action, arguments: spec.arguments }),
      signal: AbortSignal.timeout(client.timeoutMs),
    })
    return judgeAnswer({ status: statusCode, headers, text: await body.text() }, spec, client.allowedRegions)
  } catch (error) {
    return judgeError(error)
  }
}
