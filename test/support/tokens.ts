import { generateKeyPairSync, type KeyObject } from 'node:crypto'
import { calculateJwkThumbprint, type JWK, SignJWT } from 'jose'

export interface TestKey {
  privateKey: KeyObject
  publicJwk: JWK & { kid: string }
}

export async function testKey(): Promise<TestKey> {
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const jwk = publicKey.export({ format: 'jwk' }) as JWK
  return { privateKey, publicJwk: { ...jwk, kid: await calculateJwkThumbprint(jwk) } }
}

/** Signs an access token as a regional token service would; every claim and header can be overridden, or removed with undefined. */
export function testToken(key: TestKey, claims: Record<string, unknown>, header: Record<string, unknown> = {}): Promise<string> {
  const nowS = Math.floor(Date.now() / 1000)
  const all = { jti: crypto.randomUUID(), iat: nowS, exp: nowS + 600, ...claims }
  const kept = Object.fromEntries(Object.entries(all).filter(([, value]) => value !== undefined))
  return new SignJWT(kept).setProtectedHeader({ alg: 'ES256', typ: 'at+jwt', kid: key.publicJwk.kid, ...header }).sign(key.privateKey)
}
