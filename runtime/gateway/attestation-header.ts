// How the permission of an export goes along with it: the DSSE envelope's JSON in base64url (RFC 4648, section 5), without padding.

export const ATTESTATION_HEADER = 'aegis-attestation'

/** Servers take some 16 KiB of headers in all (Node's `--max-http-header-size`), and others need their room. */
export const ATTESTATION_CHARACTERS_MAX = 8 * 1024

/** @param envelope JSON text. @returns undefined when it is too large for a header */
export function attestationHeader(envelope: string): string | undefined {
  const value = Buffer.from(envelope).toString('base64url')
  return value.length <= ATTESTATION_CHARACTERS_MAX ? value : undefined
}

/** @returns the envelope's text; undefined when the value is too large or has another spelling */
export function envelopeIn(header: string): string | undefined {
  if (header.length > ATTESTATION_CHARACTERS_MAX) return undefined
  const bytes = Buffer.from(header, 'base64url')
  return bytes.toString('base64url') === header ? bytes.toString() : undefined
}
