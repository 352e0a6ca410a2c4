import type { Clock } from '../model/ports.ts'
import { type Ledger, type LedgerAct, LedgerConflictError, type LedgerEntry } from './store/ledger.ts'
import { EMPTY_STATE, type PlaneState } from './store/plane-state.ts'

/** What somebody wants to have happened. Nothing: it was found to be so already. */
export interface Intent<T> {
  act: LedgerAct
  state: PlaneState
  result: T
}

/** The one place where the state of the control plane changes: one act at a time here, and of all processes by the ledger. */
export interface Kernel {
  state(): PlaneState
  /**
   * Works out what is to be done on the newest state, writes it down, and only then is it so.
   * @throws LedgerConflictError when another process was faster; what was worked out then holds nowhere
   */
  act<T>(work: (state: PlaneState) => Promise<Intent<T> | { result: T }>): Promise<T>
  /** The same, begun anew when another process was faster: for what the control plane does of itself. */
  insist<T>(work: (state: PlaneState) => Promise<Intent<T> | { result: T }>): Promise<T>
  /** Calls the listener after each change, of this process or another. */
  changed(listener: () => void): () => void
  /** Takes over what other processes have written. */
  catchUp(): Promise<void>
}

const TRIES = 5

export function createKernel(ledger: Ledger, { clock, log }: { clock: Clock; log: (event: object) => void }): Kernel {
  let working: Promise<unknown> = Promise.resolve()
  const state = () => ledger.last()?.state ?? EMPTY_STATE
  const listeners = new Set<() => void>()
  let told = 0
  const tell = () => {
    const now = ledger.last()?.n ?? 0
    if (now === told) return
    told = now
    for (const listener of listeners) listener()
  }

  /** One at a time: two at once would take the same number. */
  const alone = <T>(work: () => Promise<T>): Promise<T> => {
    const result = working.then(work)
    working = result.catch(() => {})
    return result
  }
  const once = async <T>(work: (state: PlaneState) => Promise<Intent<T> | { result: T }>): Promise<T> => {
    try {
      await ledger.catchUp()
      const intent = await work(state())
      if ('act' in intent) logged(await ledger.append(intent.act, intent.state, clock.now()))
      return intent.result
    } finally {
      tell()
    }
  }
  const logged = ({ n, by, kind, reason, facts }: LedgerEntry) =>
    log({ event: kind, n, by: by ?? 'control plane', ...(reason !== null && { reason }), ...facts })

  return {
    state,
    act: (work) => alone(() => once(work)),
    insist: (work) =>
      alone(async () => {
        for (let tries = 1; ; tries++) {
          try {
            return await once(work)
          } catch (error) {
            if (!(error instanceof LedgerConflictError) || tries === TRIES) throw error
          }
        }
      }),
    changed(listener) {
      listeners.add(listener)
      return () => listeners.delete(listener)
    },
    catchUp: () =>
      alone(async () => {
        await ledger.catchUp()
        tell()
      }),
  }
}
