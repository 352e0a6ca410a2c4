import { randomUUID, sign } from 'node:crypto'
import { calculateJwkThumbprint, type JWK } from 'jose'
import { ensureKeys } from '../stores/keys/key-store.ts'

/** Who somebody is on the operator side. Wire shape of the token's claims. */
export interface Operator {
  sub: string
  /** `*` is every tenant. */
  tenants: readonly string[]
  roles: readonly string[]
}

/** Stands in for the company's OpenID provider: what a gateway fetches from it, and what people would have signed in for. */
export interface OperatorIssuer {
  /** What the provider publishes, by path (OpenID Connect Discovery 1.0, section 4; RFC 7517). */
  documents: Readonly<Record<string, object>>
  /** @returns a token, ES256, good for an hour */
  issue(operator: Operator): string
}

export interface OperatorIssuerOptions {
  /** URL without a slash at the end. */
  issuer: string
  audience: string
  keysDir: string
  /** Milliseconds since the epoch. */
  now: () => number
}

const LIFETIME_S = 3600

/** Its key is made at the first start and kept, so that a gateway's copy of it stays good. */
export async function operatorIssuer({ issuer, audience, keysDir, now }: OperatorIssuerOptions): Promise<OperatorIssuer> {
  const [key] = await ensureKeys({ keysDir, region: 'login', account: '000000000000', aliases: ['alias/operators'] })
  if (key === undefined) throw new Error(`${keysDir}: no key was made`)
  const jwk: JWK = key.publicKey.export({ format: 'jwk' })
  const kid = await calculateJwkThumbprint(jwk)
  const path = new URL(issuer).pathname.replace(/\/$/, '')
  const discovery = {
    issuer,
    jwks_uri: `${issuer}/jwks.json`,
    authorization_endpoint: `${issuer}/authorize`,
    response_types_supported: ['code'],
    subject_types_supported: ['public'],
    id_token_signing_alg_values_supported: ['ES256'],
  }
  return {
    documents: {
      [`${path}/.well-known/openid-configuration`]: discovery,
      [`${path}/jwks.json`]: { keys: [{ ...jwk, kid, alg: 'ES256', use: 'sig' }] },
    },
    issue(operator) {
      const iat = Math.floor(now() / 1000)
      const claims = { iss: issuer, aud: audience, iat, exp: iat + LIFETIME_S, jti: randomUUID(), ...operator }
      const signed = [{ alg: 'ES256', typ: 'JWT', kid }, claims].map(encode).join('.')
      // JOSE signatures are r and s, not DER (RFC 7518, section 3.4).
      const signature = sign('sha256', Buffer.from(signed), { key: key.privateKey, dsaEncoding: 'ieee-p1363' })
      return `${signed}.${signature.toString('base64url')}`
    },
  }
}

const encode = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url')
