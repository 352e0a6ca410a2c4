import { randomBytes } from 'node:crypto'

/**
 * A new session of an agent: when it began, in its own name. A session that goes on under later tokens cannot be told from a new one by
 * them, and after a promotion that is what decides whether its history is here. Who makes up a later beginning has another name, and so
 * another, empty session, which anybody may begin at any time.
 * @param nowMs milliseconds since the epoch
 */
export function newSessionId(nowMs: number): string {
  return `${Math.floor(nowMs / 1000).toString(36)}-${randomBytes(16).toString('base64url')}`
}

const SESSION = /^([0-9a-z]{6,8})-[\w-]{22}$/

/** @returns milliseconds since the epoch, or undefined for a session that some other issuer has named */
export function sessionStartMs(session: string): number | undefined {
  const start = SESSION.exec(session)?.[1]
  return start === undefined ? undefined : Number.parseInt(start, 36) * 1000
}
