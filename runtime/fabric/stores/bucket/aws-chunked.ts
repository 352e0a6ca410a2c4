/**
 * Undoes the `aws-chunked` encoding that SDKs use for streams: chunks of `<hex size>[;chunk-signature=...]`, each with
 * its CRLF, a last one of size 0, then trailers such as a checksum (Amazon S3 API reference, "Signature calculations:
 * trailing headers"). Signatures are not verified.
 *
 * @returns undefined if the body is malformed or cut short
 */
export function chunkedBody(body: Buffer): { content: Buffer; trailers: Record<string, string> } | undefined {
  const chunks: Buffer[] = []
  let at = 0
  for (;;) {
    const lineEnd = body.indexOf('\r\n', at)
    if (lineEnd < 0) return undefined
    const size = /^([0-9a-f]{1,8})(;.*)?$/i.exec(body.subarray(at, lineEnd).toString('latin1'))?.[1]
    if (size === undefined) return undefined
    const start = lineEnd + 2
    const end = start + Number.parseInt(size, 16)
    if (end === start) return { content: Buffer.concat(chunks), trailers: trailersOf(body.subarray(start).toString('latin1')) }
    if (body.subarray(end, end + 2).toString('latin1') !== '\r\n') return undefined
    chunks.push(body.subarray(start, end))
    at = end + 2
  }
}

function trailersOf(text: string): Record<string, string> {
  const trailers: Record<string, string> = {}
  for (const line of text.split('\r\n')) {
    const colon = line.indexOf(':')
    if (colon > 0) trailers[line.slice(0, colon).trim().toLowerCase()] = line.slice(colon + 1).trim()
  }
  return trailers
}
