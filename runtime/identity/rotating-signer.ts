import type { Signer } from '../model/ports.ts'
import type { TrustedIssuers } from './verify-token.ts'

export interface RotatingSigner {
  /** The newest key that may be used now; undefined when there is none, and then nothing may be signed. */
  current(): Signer | undefined
  /** Looks what the alias names now. Rejects when KMS does not answer; what was known stays. */
  refresh(): Promise<void>
  /** Refreshes now and from then on. @returns a function that ends it */
  start(intervalMs: number): () => Promise<void>
}

export interface RotatingSignerOptions {
  /** The signer of the key that the alias names at this moment. It stays with that key, as `kmsSigner` does. */
  resolve: () => Promise<Signer>
  /** Whether everybody who checks a signature of this key would accept it: the active directory lists it, and it is not killed. */
  usable: (keyId: string) => boolean
  log: (event: object) => void
}

/** More would mean that the alias moved so often within one process that nobody follows. */
const KEYS_KEPT_MAX = 4
const FIRST_RETRY_MS = 1000

/**
 * Follows a KMS alias through rotations. A new key is seen here before the directory lists it; until then the one before
 * signs on, so no token is ever under a key that its readers do not know.
 */
export function rotatingSigner({ resolve, usable, log }: RotatingSignerOptions): RotatingSigner {
  let newestFirst: readonly Signer[] = []

  const refresh = async () => {
    const found = await resolve()
    if (found.keyId === newestFirst[0]?.keyId) return
    if (newestFirst.length > 0) log({ event: 'token_key_rotated', key_id: found.keyId })
    newestFirst = [found, ...newestFirst.filter(({ keyId }) => keyId !== found.keyId)].slice(0, KEYS_KEPT_MAX)
  }

  return {
    current: () => newestFirst.find(({ keyId }) => usable(keyId)),
    refresh,
    start(intervalMs) {
      let timer: NodeJS.Timeout | undefined
      let stopped = false
      const round = async () => {
        await refresh().catch((error: unknown) => log({ event: 'token_key_unknown', detail: String(error) }))
        if (!stopped) timer = setTimeout(next, newestFirst.length === 0 ? Math.min(FIRST_RETRY_MS, intervalMs) : intervalMs)
      }
      let running = round()
      const next = () => {
        running = round()
      }
      return async () => {
        stopped = true
        clearTimeout(timer)
        await running
      }
    },
  }
}

/** Whether a directory lists a key for an issuer. */
export function listsKey(trusted: Pick<TrustedIssuers, 'issuers'> | undefined, iss: string, keyId: string): boolean {
  return trusted?.issuers.get(iss)?.keys.some(({ kid }) => kid === keyId) ?? false
}
