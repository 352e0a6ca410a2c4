const TIMEOUT_MS = 5000
const BYTES_MAX = 256 * 1024

/**
 * A JSON document by the process's own `fetch`: what an operators' issuer publishes. Within limits of time and size, and no redirect is
 * followed, as it could lead to anybody's keys. Rejects on anything but a 200 with JSON.
 */
export async function fetchJson(url: string, { timeoutMs = TIMEOUT_MS, bytesMax = BYTES_MAX } = {}): Promise<unknown> {
  const signal = AbortSignal.timeout(timeoutMs)
  const response = await fetch(url, { redirect: 'error', signal, headers: { accept: 'application/json' } })
  if (response.status !== 200) {
    await response.body?.cancel()
    throw new Error(`${url} answered ${response.status}`)
  }
  const chunks: Uint8Array[] = []
  let bytes = 0
  // Leaving the loop cancels the body: no more of it is read.
  for await (const chunk of response.body ?? []) {
    bytes += chunk.byteLength
    if (bytes > bytesMax) throw new Error(`${url} has more than ${bytesMax} bytes`)
    chunks.push(chunk)
  }
  return JSON.parse(Buffer.concat(chunks).toString())
}
