import { Agent, request } from 'node:http'

/** A demo agent that calls by itself, so that there is something to see. */
export interface DemoCaller {
  agent: string
  /** Proxy of its place: `http://127.0.0.1:PORT`. */
  proxy: string
  /** The name it calls: `http://eu.aegis.example`. */
  url: string
  /** `tool.action` that its document allows. */
  actions: readonly string[]
}

export interface TrafficCounts {
  calls: number
  /** By HTTP status, or `no answer`. */
  answers: Record<string, number>
}

export interface Traffic {
  /** Fresh tokens by agent. Nobody calls before having one. */
  setTokens(tokens: Readonly<Record<string, string>>): void
  counts(): TrafficCounts
  stop(): void
}

export interface TrafficOptions {
  callers: readonly DemoCaller[]
  /** Between two calls of all callers together. */
  intervalMs?: number
  timeoutMs?: number
}

const SAMPLES: Record<string, (n: number) => object> = {
  'stripe-payments.create_payment': (n) => ({
    amount: 1200 + (n % 50) * 100,
    currency: CURRENCIES[n % 3],
    recipient: `supplier-${n % 9}`,
    memo: `invoice ${n}`,
  }),
  'crm.read_contact': (n) => ({ id: `contact-${n % 40}` }),
  'crm.update_contact': (n) => ({ id: `contact-${n % 40}`, fields: { note: 'called back' } }),
  'ehr.read_record': (n) => ({ patient: `patient-${n % 20}` }),
}
const CURRENCIES = ['eur', 'usd', 'sgd']

/**
 * Calls one after the other, turn by turn, through the callers' places: now asking for a decision, now through the tool proxy.
 * A call that fails is counted and nothing else: this is scenery, and the drills have probes of their own.
 */
export function startTraffic({ callers, intervalMs = 400, timeoutMs = 2000 }: TrafficOptions): Traffic {
  const agent = new Agent({ keepAlive: true, maxSockets: 8 })
  const able = callers.map((caller) => ({ ...caller, actions: caller.actions.filter((action) => Object.hasOwn(SAMPLES, action)) }))
  const counts: TrafficCounts = { calls: 0, answers: {} }
  let tokens: Readonly<Record<string, string>> = {}
  let turn = 0

  const next = () => {
    const caller = able[turn % Math.max(1, able.length)]
    const n = Math.floor(turn++ / Math.max(1, able.length))
    const action = caller?.actions[n % Math.max(1, caller.actions.length)]
    const token = caller && tokens[caller.agent]
    if (caller === undefined || action === undefined || token === undefined) return
    counts.calls++
    void call(agent, caller, { action, token, n, timeoutMs }).then((answer) => {
      counts.answers[answer] = (counts.answers[answer] ?? 0) + 1
    })
  }

  const timer = setInterval(next, intervalMs)
  return {
    setTokens: (fresh) => {
      tokens = fresh
    },
    counts: () => counts,
    stop() {
      clearInterval(timer)
      agent.destroy()
    },
  }
}

interface Turn {
  action: string
  token: string
  n: number
  timeoutMs: number
}

/** In the absolute form, as a client with a proxy writes it (RFC 9112, section 3.2.2). */
function call(agent: Agent, { proxy, url }: DemoCaller, { action: toolAction, token, n, timeoutMs }: Turn): Promise<string> {
  const [tool, action] = toolAction.split('.')
  const args = SAMPLES[toolAction]?.(n) ?? {}
  const byTool = n % 2 === 0
  const path = byTool ? `${url}/v1/tools/${tool}/${action}` : `${url}/v1/decisions`
  const body = JSON.stringify(byTool ? args : { tool, action, arguments: args })
  const { hostname: host, port } = new URL(proxy)
  const headers = {
    host: new URL(url).host,
    authorization: `Bearer ${token}`,
    'content-type': 'application/json',
    'content-length': Buffer.byteLength(body),
  }
  return new Promise((resolve) => {
    const asked = request({ host, port, method: 'POST', path, headers, agent, timeout: timeoutMs }, (response) => {
      response.resume()
      response.once('end', () => resolve(String(response.statusCode)))
      response.once('error', () => resolve('no answer'))
    })
    asked.once('timeout', () => asked.destroy())
    asked.once('error', () => resolve('no answer'))
    asked.end(body)
  })
}
