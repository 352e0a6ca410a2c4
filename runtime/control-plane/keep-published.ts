import { DocumentsRefusedError, type Publisher } from './publisher.ts'

export interface KeepingOptions {
  /** The same documents get a new number and validity this often: well within the maximum age. */
  renewEveryMs: number
  log: (event: object) => void
  /** How often every region is compared with the newest release. */
  reconcileEveryMs?: number
  /** How often the first publication, or a renewal that failed, is tried again. */
  retryEveryMs?: number
}

/** Publishes now, renews in time and brings back what strays, until the returned function is called. */
export function keepPublished(
  publisher: Publisher,
  { renewEveryMs, log, reconcileEveryMs = 5000, retryEveryMs = 5000 }: KeepingOptions,
): () => void {
  let timer: NodeJS.Timeout | undefined
  let stopped = false
  let publishAt = 0

  const round = async () => {
    try {
      if (performance.now() >= publishAt) {
        publishAt = performance.now() + retryEveryMs
        await publisher.publish()
        publishAt = performance.now() + renewEveryMs
      } else await publisher.reconcile()
    } catch (error) {
      // The publisher logs a refusal itself. What is active stays active either way.
      if (!(error instanceof DocumentsRefusedError)) log({ event: 'failed', detail: String(error) })
    }
    if (!stopped) timer = setTimeout(round, reconcileEveryMs)
  }
  void round()
  return () => {
    stopped = true
    clearTimeout(timer)
  }
}
