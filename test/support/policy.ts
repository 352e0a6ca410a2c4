import { generateKeyPairSync, sign } from 'node:crypto'
import type { Signer } from '../../runtime/model/ports.ts'
import { type PublicJwk, parseTrustRoot, type TrustRoot } from '../../runtime/policy/trust.ts'

export interface TestKey {
  signer: Signer
  jwk: PublicJwk
  pem: string
}

/** A fresh P-256 key with its halves in the forms that tests hand around. */
export function testKey(kid: string): TestKey {
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const signer: Signer = {
    keyId: kid,
    sign: async (message) => new Uint8Array(sign('sha256', message, { key: privateKey, dsaEncoding: 'ieee-p1363' })),
  }
  const { x, y } = publicKey.export({ format: 'jwk' })
  return {
    signer,
    jwk: { kty: 'EC', crv: 'P-256', x: String(x), y: String(y), kid },
    pem: publicKey.export({ format: 'pem', type: 'spki' }).toString(),
  }
}

export function trustIn(...keys: TestKey[]): TrustRoot {
  return parseTrustRoot({ keys: keys.map(({ jwk }) => jwk) })
}
