// @peculiar/x509 resolves its parts by decorators, which need this at run time.
import 'reflect-metadata'
import { createPrivateKey, KeyObject, randomBytes } from 'node:crypto'
import * as x509 from '@peculiar/x509'

// Loaded only when a certificate is made, at most once in months: the library is a tenth of the supervisor's memory.

/** A certificate and its private key, both PEM. */
export interface Pair {
  cert: string
  key: string
}

export interface Validity {
  now: Date
  days: number
}

/** A new authority that signs leaves and nothing else (RFC 5280, section 4.2.1.9: path length 0). */
export async function issueAuthority(commonName: string, validity: Validity): Promise<Pair> {
  const keys = await newKeys()
  const extensions = [
    new x509.BasicConstraintsExtension(true, 0, true),
    new x509.KeyUsagesExtension(x509.KeyUsageFlags.keyCertSign, true),
    await x509.SubjectKeyIdentifierExtension.create(keys.publicKey),
  ]
  const name = `CN=${commonName}`
  return issue({ subject: name, issuer: name, keys, signingKey: keys.privateKey, extensions, validity })
}

/** A new certificate for TLS servers. @param hosts every DNS name it is good for, as SANs */
export async function issueServerCertificate(
  authority: Pair,
  commonName: string,
  hosts: readonly string[],
  validity: Validity,
): Promise<Pair> {
  const keys = await newKeys()
  const signer = new x509.X509Certificate(authority.cert)
  const extensions = [
    new x509.BasicConstraintsExtension(false, undefined, true),
    new x509.KeyUsagesExtension(x509.KeyUsageFlags.digitalSignature, true),
    new x509.ExtendedKeyUsageExtension([x509.ExtendedKeyUsage.serverAuth]),
    new x509.SubjectAlternativeNameExtension(hosts.map((value) => ({ type: 'dns' as const, value }))),
    await x509.AuthorityKeyIdentifierExtension.create(signer),
  ]
  const pkcs8 = createPrivateKey(authority.key).export({ type: 'pkcs8', format: 'der' })
  const signingKey = await crypto.subtle.importKey('pkcs8', pkcs8, ES256, false, ['sign'])
  return issue({ subject: `CN=${commonName}`, issuer: signer.subject, keys, signingKey, extensions, validity })
}

const ES256 = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' }
const DAY_MS = 86_400_000

interface Order {
  subject: string
  issuer: string
  keys: CryptoKeyPair
  signingKey: CryptoKey
  extensions: x509.Extension[]
  validity: Validity
}

async function issue({ keys, validity: { now, days }, ...order }: Order): Promise<Pair> {
  const certificate = await x509.X509CertificateGenerator.create({
    ...order,
    serialNumber: randomBytes(16).toString('hex'),
    // A clock a little behind ours must not find the certificate in its future.
    notBefore: new Date(now.getTime() - DAY_MS),
    notAfter: new Date(now.getTime() + days * DAY_MS),
    publicKey: keys.publicKey,
    signingAlgorithm: ES256,
  })
  const key = KeyObject.from(keys.privateKey).export({ type: 'pkcs8', format: 'pem' }).toString()
  return { cert: `${certificate.toString('pem')}\n`, key }
}

function newKeys(): Promise<CryptoKeyPair> {
  return crypto.subtle.generateKey(ES256, true, ['sign', 'verify'])
}
