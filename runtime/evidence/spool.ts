import { constants } from 'node:fs'
import { type FileHandle, mkdir, open } from 'node:fs/promises'
import { join } from 'node:path'
import { AegisError } from '../model/codes.ts'

/** An append-only file of lines, synced in groups. Callers refuse their call when the spool refuses a line. */
export interface Spool {
  /** Sequence number that the next line gets. */
  readonly nextSeq: number
  /**
   * Takes a line that is durable within `lazySyncMs`.
   * @param evenIfFailing takes it while the disk fails too: for what must be said of a line that is already waiting
   * @returns its sequence number. @throws AegisError audit_unavailable when the disk fails or the spool is full
   */
  append(line: string, options?: { evenIfFailing: boolean }): number
  /** Resolves when that line is on disk (fdatasync). Rejects with audit_unavailable when it cannot be written */
  synced(seq: number): Promise<void>
  /** False while lines cannot be written. */
  readonly healthy: boolean
  close(): Promise<void>
}

export interface SpoolOptions {
  directory: string
  /** File name without its ending: the log's id. */
  log: string
  /** A line that nobody waits for is on disk after at most this long. */
  lazySyncMs?: number
  /** Most bytes that may wait for the disk. */
  maxPendingBytes?: number
  /** Largest file. */
  maxFileBytes?: number
  /** Delay before a failed write is tried again. */
  retryMs?: number
  /** Opens the file; replaced in tests to make the disk fail. */
  openFile?: (path: string) => Promise<Pick<FileHandle, 'write' | 'datasync' | 'close'>>
}

const append = constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL

interface Waiter {
  seq: number
  resolve: () => void
  reject: (error: Error) => void
}

export async function openSpool(options: SpoolOptions): Promise<Spool> {
  const { directory, log, lazySyncMs = 50, maxPendingBytes = 4 * 1024 * 1024, maxFileBytes = 1024 ** 3, retryMs = 500 } = options
  await mkdir(directory, { recursive: true })
  const file = await (options.openFile ?? ((path) => open(path, append, 0o600)))(join(directory, `${log}.jsonl`))

  const pending: string[] = []
  let pendingBytes = 0
  let nextSeq = 0
  // Every line below this one is on disk, and the file is `offset` bytes long up to there.
  let durableSeq = 0
  let offset = 0
  let failure: Error | undefined
  // Once a line did not fit, no later and smaller one may: a log has no gaps.
  let full = false
  let closed = false
  let waiters: Waiter[] = []
  let timer: NodeJS.Timeout | undefined
  let committing: Promise<void> | undefined

  const schedule = (delayMs: number) => {
    if (closed) return
    timer ??= setTimeout(() => {
      timer = undefined
      commit()
    }, delayMs)
  }

  // One write and one fdatasync for all that gathered since the last: under load the disk sets the pace and groups
  // grow by themselves, when idle a waiting line goes out at once.
  const commit = () => {
    if (committing !== undefined || pending.length === 0) return
    committing = writeGroup().finally(() => {
      committing = undefined
      if (failure !== undefined) schedule(retryMs)
      else if (waiters.length > 0) commit()
      else if (pending.length > 0) schedule(lazySyncMs)
    })
  }

  const writeGroup = async () => {
    const taken = pending.length
    const bytes = Buffer.from(`${pending.join('\n')}\n`)
    try {
      // At a fixed position: a write that failed half-way is overwritten by the next try, not repeated behind it.
      for (let done = 0; done < bytes.length; ) done += (await file.write(bytes, done, bytes.length - done, offset + done)).bytesWritten
      await file.datasync()
    } catch (error) {
      failure = error as Error
      const refused = new AegisError('audit_unavailable', undefined, { cause: error })
      for (const waiter of waiters) waiter.reject(refused)
      waiters = []
      return
    }
    failure = undefined
    pending.splice(0, taken)
    pendingBytes -= bytes.length
    offset += bytes.length
    durableSeq += taken
    const [done, rest] = [waiters.filter(({ seq }) => seq < durableSeq), waiters.filter(({ seq }) => seq >= durableSeq)]
    waiters = rest
    for (const waiter of done) waiter.resolve()
  }

  return {
    get nextSeq() {
      return nextSeq
    },
    get healthy() {
      return failure === undefined && !full
    },
    append(line, { evenIfFailing } = { evenIfFailing: false }) {
      const size = Buffer.byteLength(line) + 1
      if (failure !== undefined && !evenIfFailing) throw new AegisError('audit_unavailable', undefined, { cause: failure })
      full ||= offset + pendingBytes + size > maxFileBytes
      if (full || pendingBytes + size > maxPendingBytes) throw new AegisError('audit_unavailable', 'the audit spool is full')
      pending.push(line)
      pendingBytes += size
      schedule(lazySyncMs)
      return nextSeq++
    },
    synced(seq) {
      if (seq < durableSeq) return Promise.resolve()
      return new Promise((resolve, reject) => {
        waiters.push({ seq, resolve, reject })
        // After this turn of the event loop, so that calls decided in the same turn share one sync.
        setImmediate(commit)
      })
    },
    async close() {
      closed = true
      clearTimeout(timer)
      await committing
      if (pending.length > 0) await writeGroup()
      await file.close()
    },
  }
}
