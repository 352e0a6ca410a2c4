/** The three parts of a compact JWS, still in base64url (RFC 7515, section 7.1). */
export interface CompactJws {
  header: string
  payload: string
  signature: string
}

// jose also takes base64url with padding or spaces, which gives one signature many spellings (RFC 7515 has none of them).
const COMPACT_JWS = /^([\w-]+)\.([\w-]+)\.([\w-]+)$/

/**
 * Splits a token that has exactly one spelling: what is remembered by its text cannot come again under another one.
 * @returns undefined when it is anything else
 */
export function splitCompactJws(token: string): CompactJws | undefined {
  const [, header = '', payload = '', signature = ''] = COMPACT_JWS.exec(token) ?? []
  return [header, payload, signature].every((part) => part !== '' && isCanonical(part)) ? { header, payload, signature } : undefined
}

/** @throws SyntaxError when the part is no JSON in UTF-8 */
export function decodeJsonPart(part: string): unknown {
  return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(Buffer.from(part, 'base64url')))
}

/** Unused bits of base64url's last character must be zero, or a signature has several spellings (RFC 4648, section 3.5). */
function isCanonical(part: string): boolean {
  return Buffer.from(part, 'base64url').toString('base64url') === part
}
