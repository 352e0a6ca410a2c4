import { createPublicKey, hash } from 'node:crypto'
import { GetPublicKeyCommand, type KMSClient, SignCommand } from '@aws-sdk/client-kms'
import { calculateJwkThumbprint, type JWK } from 'jose'
import type { Signer } from '../model/ports.ts'
import { derToJose } from './ecdsa.ts'

export interface KmsSigner extends Signer {
  /** The public half, with its `kid` and `alg`. */
  readonly publicJwk: JWK
}

/**
 * A signer whose private key never leaves KMS (ECC_NIST_P256, ECDSA_SHA_256). It stays with the key that the id names now: an
 * alias that moves later must not make it sign under a `kid` that is another key's.
 * @param keyId key id, ARN or alias
 * @throws when the key does not exist or is not P-256
 */
export async function kmsSigner(client: KMSClient, keyId: string): Promise<KmsSigner> {
  const { publicJwk, arn } = await readPublicKey(client, keyId)
  const sign = async (message: Uint8Array) => {
    // KMS takes at most 4,096 bytes of a message itself (Sign, "Message"), and a directory is longer.
    const { Signature } = await client.send(
      new SignCommand({ KeyId: arn, Message: hash('sha256', message, 'buffer'), MessageType: 'DIGEST', SigningAlgorithm: 'ECDSA_SHA_256' }),
    )
    if (Signature === undefined) throw new Error(`KMS returned no signature for ${keyId}`)
    return derToJose(Signature)
  }
  return { keyId: publicJwk.kid ?? '', publicJwk, sign }
}

/** The public half of a KMS key as a JWK whose `kid` is its RFC 7638 thumbprint. */
export async function kmsPublicJwk(client: KMSClient, keyId: string): Promise<JWK> {
  return (await readPublicKey(client, keyId)).publicJwk
}

/** `arn` is the key's own, whatever alias it was asked for by (KMS GetPublicKey, response element KeyId). */
async function readPublicKey(client: KMSClient, keyId: string): Promise<{ publicJwk: JWK; arn: string }> {
  const { PublicKey, KeyId: arn } = await client.send(new GetPublicKeyCommand({ KeyId: keyId }))
  if (PublicKey === undefined || arn === undefined) throw new Error(`KMS returned no public key for ${keyId}`)
  const jwk = createPublicKey({ key: Buffer.from(PublicKey), format: 'der', type: 'spki' }).export({ format: 'jwk' }) as JWK
  if (jwk.kty !== 'EC' || jwk.crv !== 'P-256') throw new Error(`key ${keyId} is ${jwk.kty} ${jwk.crv}, only EC P-256 signs here`)
  return { publicJwk: { ...jwk, kid: await calculateJwkThumbprint(jwk), alg: 'ES256', use: 'sig' }, arn }
}
