import {
  createHash,
  createPrivateKey,
  createPublicKey,
  generateKeyPairSync,
  type KeyObject,
  randomBytes,
  sign,
  X509Certificate,
} from 'node:crypto'
import { existsSync, readFileSync } from 'node:fs'
import { der } from './der.ts'
import { writePrivately } from './files.ts'

export interface ToolCertificate {
  /** PEM: the leaf. */
  cert: string
  /** PEM: its private key. */
  key: string
  /** PEM: the authority that clients must trust. */
  ca: string
}

export interface AuthorityFiles {
  caCert: string
  caKey: string
  toolsCert: string
  toolsKey: string
}

/**
 * The authority of the fabric's tool servers and their one certificate. Made at the first start and kept; the
 * certificate is made anew when the hosts have changed, when it ends within a week or when another key signed it.
 * @param hosts every name a tool server answers to, as SANs
 */
export function ensureToolCertificate(files: AuthorityFiles, hosts: readonly string[], now = new Date()): ToolCertificate {
  if (hosts.length === 0) throw new Error('no tool hosts: a certificate needs at least one name')
  const authority = ensureAuthority(files, now)
  const names = [...new Set(hosts)].sort()
  const held = readPair(files.toolsCert, files.toolsKey)
  if (held !== undefined && fits(held.certificate, authority, names, now)) return { cert: held.cert, key: held.key, ca: authority.pem }

  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const cert = issue({ subject: 'Aegis fabric tools', publicKey, days: LEAF_DAYS, now, extensions: leafExtensions(names), authority })
  const key = privateKey.export({ type: 'pkcs8', format: 'pem' }).toString()
  writePrivately(files.toolsKey, key)
  writePrivately(files.toolsCert, cert, 0o644)
  return { cert, key, ca: authority.pem }
}

interface Authority {
  pem: string
  key: KeyObject
  certificate: X509Certificate
}

const DAY_MS = 86_400_000
const AUTHORITY_DAYS = 3650
// Apple's platforms refuse leaves that live longer than 825 days.
const LEAF_DAYS = 365
const RENEW_BEFORE_MS = 7 * DAY_MS
const AUTHORITY_NAME = 'Aegis fabric authority'

function ensureAuthority({ caCert, caKey }: AuthorityFiles, now: Date): Authority {
  const held = readPair(caCert, caKey)
  if (held !== undefined && ends(held.certificate) > now.getTime() + RENEW_BEFORE_MS) {
    return { pem: held.cert, key: held.privateKey, certificate: held.certificate }
  }
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const pem = issue({
    subject: AUTHORITY_NAME,
    publicKey,
    days: AUTHORITY_DAYS,
    now,
    extensions: authorityExtensions(publicKey),
    authority: { key: privateKey },
  })
  writePrivately(caKey, privateKey.export({ type: 'pkcs8', format: 'pem' }).toString())
  writePrivately(caCert, pem, 0o644)
  return { pem, key: privateKey, certificate: new X509Certificate(pem) }
}

/** Undefined when a file is missing, unreadable as a certificate or key, or when the two do not belong together. */
function readPair(certFile: string, keyFile: string) {
  if (!existsSync(certFile) || !existsSync(keyFile)) return undefined
  try {
    const cert = readFileSync(certFile, 'utf8')
    const key = readFileSync(keyFile, 'utf8')
    const certificate = new X509Certificate(cert)
    const privateKey = createPrivateKey(key)
    return certificate.checkPrivateKey(privateKey) ? { cert, key, certificate, privateKey } : undefined
  } catch {
    return undefined
  }
}

function fits(certificate: X509Certificate, authority: Authority, names: string[], now: Date): boolean {
  return (
    certificate.verify(authority.certificate.publicKey) &&
    ends(certificate) > now.getTime() + RENEW_BEFORE_MS &&
    certificate.subjectAltName === names.map((name) => `DNS:${name}`).join(', ')
  )
}

const ends = (certificate: X509Certificate) => Date.parse(certificate.validTo)

interface Order {
  subject: string
  publicKey: KeyObject
  days: number
  now: Date
  extensions: Uint8Array[]
  authority: { key: KeyObject }
}

/** A version 3 certificate (RFC 5280, section 4.1) signed with ECDSA over SHA-256, as PEM. */
function issue({ subject, publicKey, days, now, extensions, authority }: Order): string {
  const ecdsaSha256 = der.sequence(der.oid('1.2.840.10045.4.3.2'))
  // A clock a little behind ours must not find the certificate in its future.
  const validity = der.sequence(der.time(new Date(now.getTime() - DAY_MS)), der.time(new Date(now.getTime() + days * DAY_MS)))
  const body = der.sequence(
    der.explicit(0, der.integer(Uint8Array.of(2))),
    der.integer(randomBytes(16)),
    ecdsaSha256,
    distinguishedName(AUTHORITY_NAME),
    validity,
    distinguishedName(subject),
    publicKey.export({ type: 'spki', format: 'der' }),
    der.explicit(3, der.sequence(...extensions, authorityKeyId(authority.key))),
  )
  const signature = sign('sha256', body, authority.key)
  const whole = Buffer.from(der.sequence(body, ecdsaSha256, der.bitString(signature)))
  return `-----BEGIN CERTIFICATE-----\n${whole.toString('base64').replace(/.{64}(?=.)/g, '$&\n')}\n-----END CERTIFICATE-----\n`
}

const distinguishedName = (commonName: string) => der.sequence(der.set(der.sequence(der.oid('2.5.4.3'), der.utf8(commonName))))

const extension = (oid: string, critical: boolean, value: Uint8Array) =>
  der.sequence(der.oid(oid), ...(critical ? [der.boolean(true)] : []), der.octetString(value))

function authorityExtensions(publicKey: KeyObject): Uint8Array[] {
  return [
    extension('2.5.29.19', true, der.sequence(der.boolean(true), der.integer(Uint8Array.of(0)))),
    // keyCertSign is bit 5 of keyUsage.
    extension('2.5.29.15', true, der.bitString(Uint8Array.of(0b0000_0100), 2)),
    extension('2.5.29.14', false, der.octetString(keyId(publicKey))),
  ]
}

function leafExtensions(names: string[]): Uint8Array[] {
  return [
    extension('2.5.29.19', true, der.sequence()),
    // digitalSignature is bit 0 of keyUsage.
    extension('2.5.29.15', true, der.bitString(Uint8Array.of(0b1000_0000), 7)),
    extension('2.5.29.37', false, der.sequence(der.oid('1.3.6.1.5.5.7.3.1'))),
    extension('2.5.29.17', false, der.sequence(...names.map((name) => der.implicit(2, Buffer.from(name, 'ascii'))))),
  ]
}

const authorityKeyId = (key: KeyObject) => extension('2.5.29.35', false, der.sequence(der.implicit(0, keyId(createPublicKey(key)))))

/** SHA-1 names the key here, it protects nothing (RFC 5280, section 4.2.1.2, method 1 over the whole SPKI). */
const keyId = (publicKey: KeyObject) =>
  createHash('sha1')
    .update(publicKey.export({ type: 'spki', format: 'der' }))
    .digest()
