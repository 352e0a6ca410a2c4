import { setTimeout as delay } from 'node:timers/promises'
import { parentPort } from 'node:worker_threads'
import { now } from '../clock.ts'
import type { ProbeResult } from '../journal.ts'
import { type Caller, openCaller } from './call.ts'
import type { FromWorker, ToWorker } from './probes.ts'
import { arrivalsFrom, type Target } from './schedule.ts'

// The thread that probes. One timer walks the merged schedule of all clients; a late timer sends everything
// that is due at once, so the arrival rate holds and the lateness shows as lag instead of as missing calls.

const FLUSH_MS = 100

let callers = new Map<string, Caller>()
let stopping = false
let pending: ProbeResult[] = []
const underWay = new Set<Promise<void>>()

parentPort?.on('message', (message: ToWorker) => {
  if (message === 'stop') {
    stopping = true
    return
  }
  const first = callers.size === 0
  for (const caller of callers.values()) caller.close()
  callers = new Map(message.clients.map((client) => [client.id, openCaller(client, message.tokens[client.agent] ?? '')]))
  if (first) void probe(message.clients)
})

const post = (message: FromWorker) => parentPort?.postMessage(message)
const flush = () => {
  if (pending.length > 0) post(pending)
  pending = []
}

async function probe(targets: readonly Target[]): Promise<void> {
  const flusher = setInterval(flush, FLUSH_MS)
  for (const arrival of arrivalsFrom(targets, now())) {
    const waitMs = arrival.dueMs - now()
    if (waitMs > 0) await delay(Math.ceil(waitMs))
    if (stopping) break
    const caller = callers.get(arrival.client)
    if (caller === undefined) continue
    const done: Promise<void> = caller.call(arrival).then((result) => {
      pending.push(result)
      underWay.delete(done)
    })
    underWay.add(done)
  }
  await Promise.all(underWay)
  clearInterval(flusher)
  flush()
  for (const caller of callers.values()) caller.close()
  post('stopped')
  parentPort?.close()
}
