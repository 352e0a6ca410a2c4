import { Worker } from 'node:worker_threads'
import type { ProbeResult } from '../journal.ts'
import type { Client } from '../plan.ts'

/** Open-loop load with known right answers. */
export interface Probes {
  /** Begins to call at each client's fixed rate, until `stop`. A second start replaces the tokens of the first. */
  start(clients: readonly Client[], tokens: Readonly<Record<string, string>>): Promise<void>
  /** Results since the last time, oldest first. Throws when the probe itself has died. */
  drain(): ProbeResult[]
  /** Sends no more, waits for what is under way, and returns the last results. */
  stop(): Promise<ProbeResult[]>
}

/** What the worker is sent. */
export type ToWorker = { clients: readonly Client[]; tokens: Readonly<Record<string, string>> } | 'stop'
/** What it sends: batches of results, then `stopped`. */
export type FromWorker = ProbeResult[] | 'stopped'

/**
 * Runs the probes in a thread of their own: journal, polling and reports must not make a call late. How late
 * calls were all the same is measured and reported.
 */
export function workerProbes(): Probes {
  let worker: Worker | undefined
  let death: Error | undefined
  const results: ProbeResult[] = []
  const drain = () => {
    if (death !== undefined) throw new Error(`the probe died: ${death.message}`, { cause: death })
    return results.splice(0)
  }
  return {
    async start(clients, tokens) {
      if (worker === undefined) {
        worker = new Worker(new URL('./worker.ts', import.meta.url))
        worker.on('message', (message: FromWorker) => {
          if (message !== 'stopped') results.push(...message)
        })
        worker.on('error', (error) => {
          death = error instanceof Error ? error : new Error(String(error))
        })
      }
      worker.postMessage({ clients, tokens } satisfies ToWorker)
    },
    drain,
    async stop() {
      const running = worker
      worker = undefined
      if (running === undefined || death !== undefined) return results.splice(0)
      const exited = new Promise<void>((resolve) => running.once('exit', () => resolve()))
      running.postMessage('stop' satisfies ToWorker)
      await exited
      return results.splice(0)
    },
  }
}
