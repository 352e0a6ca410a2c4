import { hash, X509Certificate } from 'node:crypto'

/**
 * The thumbprint of a client certificate from what the load balancer says of it: SHA-256 over its DER form, in base64url
 * (`x5t#S256`, RFC 8705, section 3.1).
 * @param value the thumbprint in base64url or in hex with or without colons, or the certificate as URL-encoded PEM, as AWS's load
 * balancer passes it (`X-Amzn-Mtls-Clientcert-Leaf`)
 * @returns undefined when there is no certificate, or what came is none: then nothing is proven by it
 */
export function certificateThumbprint(value: string | undefined): string | undefined {
  if (value === undefined || value.length > 16 * 1024) return undefined
  if (/^[\w-]{43}$/.test(value)) return value
  const hex = value.replaceAll(':', '')
  if (/^[0-9a-f]{64}$/i.test(hex)) return Buffer.from(hex, 'hex').toString('base64url')
  try {
    return hash('sha256', new X509Certificate(decodeURIComponent(value)).raw, 'base64url')
  } catch {
    return undefined
  }
}
