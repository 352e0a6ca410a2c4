import { createHash, randomUUID, sign } from 'node:crypto'
import type { TestKey } from './tokens.ts'

export interface TestProof {
  method?: string
  url: string
  accessToken?: string
  claims?: Record<string, unknown>
  header?: Record<string, unknown>
}

/** A DPoP proof as a client makes it (RFC 9449, section 4.2); every claim and header can be overridden, or removed with undefined. */
export function testProof(key: TestKey, { method = 'POST', url, accessToken, claims, header }: TestProof): string {
  const { kty, crv, x, y } = key.publicJwk
  const ath = accessToken === undefined ? undefined : createHash('sha256').update(accessToken).digest('base64url')
  const encode = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url')
  const payload = { jti: randomUUID(), htm: method, htu: url, iat: Math.floor(Date.now() / 1000), ath, ...claims }
  const signed = `${encode({ typ: 'dpop+jwt', alg: 'ES256', jwk: { kty, crv, x, y }, ...header })}.${encode(payload)}`
  const signature = sign('sha256', Buffer.from(signed), { key: key.privateKey, dsaEncoding: 'ieee-p1363' })
  return `${signed}.${signature.toString('base64url')}`
}
