// @peculiar/x509 resolves its parts by decorators, which need this at run time.
import 'reflect-metadata'
import { createPrivateKey, KeyObject, randomBytes, X509Certificate } from 'node:crypto'
import { existsSync, readFileSync } from 'node:fs'
import * as x509 from '@peculiar/x509'
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
export async function ensureToolCertificate(files: AuthorityFiles, hosts: readonly string[], now = new Date()): Promise<ToolCertificate> {
  if (hosts.length === 0) throw new Error('no tool hosts: a certificate needs at least one name')
  const authority = await ensureAuthority(files, now)
  const names = [...new Set(hosts)].sort()
  const held = readPair(files.toolsCert, files.toolsKey)
  if (held !== undefined && fits(held.certificate, authority, names, now)) return { cert: held.cert, key: held.key, ca: authority.pem }

  const keys = await newKeys()
  const extensions = await leafExtensions(names, authority)
  const signingKey = await signingKeyOf(authority.key)
  const cert = await issue({ subject: 'Aegis fabric tools', keys, days: LEAF_DAYS, now, extensions, signingKey })
  const key = pemOf(keys)
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
const ES256 = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' }

async function ensureAuthority({ caCert, caKey }: AuthorityFiles, now: Date): Promise<Authority> {
  const held = readPair(caCert, caKey)
  if (held !== undefined && ends(held.certificate) > now.getTime() + RENEW_BEFORE_MS) {
    return { pem: held.cert, key: held.privateKey, certificate: held.certificate }
  }
  const keys = await newKeys()
  const extensions = await authorityExtensions(keys)
  const pem = await issue({ subject: AUTHORITY_NAME, keys, days: AUTHORITY_DAYS, now, extensions, signingKey: keys.privateKey })
  const key = pemOf(keys)
  writePrivately(caKey, key)
  writePrivately(caCert, pem, 0o644)
  return { pem, key: createPrivateKey(key), certificate: new X509Certificate(pem) }
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
  keys: CryptoKeyPair
  days: number
  now: Date
  extensions: x509.Extension[]
  /** Who signs. */
  signingKey: CryptoKey
}

/** A version 3 certificate (RFC 5280, section 4.1) signed with ECDSA over SHA-256, as PEM. */
async function issue({ subject, keys, days, now, extensions, signingKey }: Order): Promise<string> {
  const certificate = await x509.X509CertificateGenerator.create({
    serialNumber: randomBytes(16).toString('hex'),
    issuer: `CN=${AUTHORITY_NAME}`,
    subject: `CN=${subject}`,
    // A clock a little behind ours must not find the certificate in its future.
    notBefore: new Date(now.getTime() - DAY_MS),
    notAfter: new Date(now.getTime() + days * DAY_MS),
    publicKey: keys.publicKey,
    signingKey,
    signingAlgorithm: ES256,
    extensions,
  })
  return `${certificate.toString('pem')}\n`
}

async function authorityExtensions({ publicKey }: CryptoKeyPair): Promise<x509.Extension[]> {
  return [
    new x509.BasicConstraintsExtension(true, 0, true),
    new x509.KeyUsagesExtension(x509.KeyUsageFlags.keyCertSign, true),
    await x509.SubjectKeyIdentifierExtension.create(publicKey),
  ]
}

async function leafExtensions(names: string[], authority: Authority): Promise<x509.Extension[]> {
  return [
    new x509.BasicConstraintsExtension(false, undefined, true),
    new x509.KeyUsagesExtension(x509.KeyUsageFlags.digitalSignature, true),
    new x509.ExtendedKeyUsageExtension([x509.ExtendedKeyUsage.serverAuth]),
    new x509.SubjectAlternativeNameExtension(names.map((value) => ({ type: 'dns' as const, value }))),
    await x509.AuthorityKeyIdentifierExtension.create(new x509.X509Certificate(authority.pem)),
  ]
}

const newKeys = () => crypto.subtle.generateKey(ES256, true, ['sign', 'verify'])

const pemOf = ({ privateKey }: CryptoKeyPair) => KeyObject.from(privateKey).export({ type: 'pkcs8', format: 'pem' }).toString()

const signingKeyOf = (key: KeyObject) =>
  crypto.subtle.importKey('pkcs8', key.export({ type: 'pkcs8', format: 'der' }), ES256, false, ['sign'])
