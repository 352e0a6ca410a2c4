import { createPrivateKey, X509Certificate } from 'node:crypto'
import { existsSync, readFileSync } from 'node:fs'
import type { Pair } from './certificates.ts'
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
  if (held !== undefined && fits(held.certificate, authority, names, now))
    return { cert: held.cert, key: held.key, ca: authority.pair.cert }

  const { issueServerCertificate } = await import('./certificates.ts')
  const { cert, key } = await issueServerCertificate(authority.pair, 'Aegis fabric tools', names, { now, days: LEAF_DAYS })
  writePrivately(files.toolsKey, key)
  writePrivately(files.toolsCert, cert, 0o644)
  return { cert, key, ca: authority.pair.cert }
}

interface Authority {
  pair: Pair
  certificate: X509Certificate
}

const DAY_MS = 86_400_000
const AUTHORITY_DAYS = 3650
// Apple's platforms refuse leaves that live longer than 825 days.
const LEAF_DAYS = 365
const RENEW_BEFORE_MS = 7 * DAY_MS
const AUTHORITY_NAME = 'Aegis fabric authority'

async function ensureAuthority({ caCert, caKey }: AuthorityFiles, now: Date): Promise<Authority> {
  const held = readPair(caCert, caKey)
  if (held !== undefined && ends(held.certificate) > now.getTime() + RENEW_BEFORE_MS) {
    return { pair: held, certificate: held.certificate }
  }
  const { issueAuthority } = await import('./certificates.ts')
  const pair = await issueAuthority(AUTHORITY_NAME, { now, days: AUTHORITY_DAYS })
  writePrivately(caKey, pair.key)
  writePrivately(caCert, pair.cert, 0o644)
  return { pair, certificate: new X509Certificate(pair.cert) }
}

/** Undefined when a file is missing, unreadable as a certificate or key, or when the two do not belong together. */
function readPair(certFile: string, keyFile: string) {
  if (!existsSync(certFile) || !existsSync(keyFile)) return undefined
  try {
    const cert = readFileSync(certFile, 'utf8')
    const key = readFileSync(keyFile, 'utf8')
    const certificate = new X509Certificate(cert)
    return certificate.checkPrivateKey(createPrivateKey(key)) ? { cert, key, certificate } : undefined
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
