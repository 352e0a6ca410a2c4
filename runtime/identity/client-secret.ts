import { createHash, timingSafeEqual } from 'node:crypto'
import type { Clock } from '../model/ports.ts'
import type { Client } from '../policy/directory.ts'
import { OAuthError } from './oauth-error.ts'

export interface ClientCredentials {
  id: string
  secret: string
}

/** Failures of one client that may come at once, and how fast they are forgiven. */
const FAILURES_MAX = 60
const FORGIVEN_PER_SECOND = 1

/**
 * Checks client secrets. They are random (256 bits), so their SHA-256 is no weaker than a slow password hash would be: nobody
 * can try a list. The limit on failures keeps noise down and covers secrets that somebody made up after all.
 * @returns a function that gives the client, and throws OAuthError invalid_client or slow_down
 */
export function secretChecker(clock: Clock): (clients: ReadonlyMap<string, Client>, given: ClientCredentials) => Client {
  // Only clients of the directory have an entry, so strangers cannot make it grow.
  const failures = new Map<string, { count: number; atMs: number }>()
  const countOf = (id: string) => {
    const last = failures.get(id)
    return last === undefined ? 0 : Math.max(0, last.count - ((clock.monotonic() - last.atMs) / 1000) * FORGIVEN_PER_SECOND)
  }

  return (clients, { id, secret }) => {
    const client = clients.get(id)
    const count = countOf(id)
    if (count >= FAILURES_MAX) throw new OAuthError('slow_down', 'too many failures of this client')
    // An unknown client takes as long as a known one and is answered alike.
    const expected = Buffer.from(client?.secret_sha256 ?? NOBODYS_SECRET, 'hex')
    const holds = timingSafeEqual(createHash('sha256').update(secret).digest(), expected)
    if (holds && client?.secret_sha256 !== undefined) return client
    if (client !== undefined) failures.set(id, { count: count + 1, atMs: clock.monotonic() })
    throw new OAuthError('invalid_client', 'the client is unknown, or its secret is another one')
  }
}

/** No preimage of it is known, and `holds` alone never lets anybody in. */
const NOBODYS_SECRET = '0'.repeat(64)

/**
 * Client id and secret of an Authorization header of scheme Basic, each form-encoded within it (RFC 6749, section 2.3.1).
 * @throws OAuthError invalid_request
 */
export function basicCredentials(authorization: string): ClientCredentials {
  const [, encoded] = /^Basic ([A-Za-z0-9+/]+={0,2})$/i.exec(authorization) ?? []
  const text = encoded === undefined ? undefined : utf8(Buffer.from(encoded, 'base64'))
  const colon = text?.indexOf(':') ?? -1
  if (text === undefined || colon < 1) throw new OAuthError('invalid_request', 'the Authorization header is not of scheme Basic')
  const [id, secret] = [formDecoded(text.slice(0, colon)), formDecoded(text.slice(colon + 1))]
  if (id === undefined || secret === undefined) throw new OAuthError('invalid_request', 'the credentials are not form-encoded')
  return { id, secret }
}

function utf8(bytes: Uint8Array): string | undefined {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes)
  } catch {
    return undefined
  }
}

function formDecoded(text: string): string | undefined {
  try {
    return decodeURIComponent(text.replaceAll('+', ' '))
  } catch {
    return undefined
  }
}
