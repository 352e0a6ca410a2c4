import { createHmac, timingSafeEqual } from 'node:crypto'
import type { Clock } from '../../model/ports.ts'
import { noticeBody } from './notice.ts'
import { checkStatus, type NoticeTarget, type Send } from './notifier.ts'

export interface WebhookOptions {
  url: string
  /** Name of the key, so that a receiver can change it without a gap. */
  key: string
  secret: string
  linkOf: (id: string) => string
  send: Send
  clock: Clock
}

/** A signed POST. Its receiver checks it with `verifyWebhook`, and takes the same id once. */
export function webhookTarget({ url, key, secret, linkOf, send, clock }: WebhookOptions): NoticeTarget {
  return {
    name: `webhook ${key}`,
    async deliver(notice) {
      const body = JSON.stringify(noticeBody(notice, linkOf(notice.id)))
      const timestamp = String(Math.floor(clock.now() / 1000))
      const headers = {
        'content-type': 'application/json',
        'aegis-webhook-id': notice.id,
        'aegis-webhook-timestamp': timestamp,
        'aegis-webhook-key': key,
        'aegis-webhook-signature': `v1=${webhookSignature(secret, timestamp, notice.id, body)}`,
      }
      checkStatus(await send(url, headers, body))
    },
  }
}

/** HMAC-SHA-256 (RFC 2104) over `timestamp.id.body`, lower-case hex. */
export function webhookSignature(secret: string, timestamp: string, id: string, body: string): string {
  return createHmac('sha256', secret).update(`${timestamp}.${id}.${body}`).digest('hex')
}

/** A delivery older or newer than this is a replay, or comes from a clock that is wrong. */
export const WEBHOOK_WINDOW_S = 300

export type WebhookFault = 'malformed' | 'unknown_key' | 'outside_window' | 'bad_signature'

/**
 * What a receiver checks before it believes a delivery. It also has to remember ids for ten minutes, and take each once.
 * @param headers names in lower case
 * @param body the bytes as they came, before any parser
 * @param secrets by key name: the current one, and the next or former while they change
 * @returns undefined when the delivery is genuine and fresh
 */
export function verifyWebhook(
  headers: Readonly<Record<string, string | string[] | undefined>>,
  body: string,
  secrets: ReadonlyMap<string, string>,
  nowMs: number,
): WebhookFault | undefined {
  const [id, timestamp, key, signature] = ['id', 'timestamp', 'key', 'signature'].map((name) => headers[`aegis-webhook-${name}`])
  if (typeof id !== 'string' || typeof timestamp !== 'string' || typeof key !== 'string' || typeof signature !== 'string')
    return 'malformed'
  if (!/^\d{1,12}$/.test(timestamp) || !/^v1=[0-9a-f]{64}$/.test(signature)) return 'malformed'
  const secret = secrets.get(key)
  if (secret === undefined) return 'unknown_key'
  const expected = `v1=${webhookSignature(secret, timestamp, id, body)}`
  if (!timingSafeEqual(Buffer.from(expected), Buffer.from(signature))) return 'bad_signature'
  return Math.abs(nowMs / 1000 - Number(timestamp)) > WEBHOOK_WINDOW_S ? 'outside_window' : undefined
}
