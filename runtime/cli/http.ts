import { request as requestPlain } from 'node:http'
import { request as requestTls } from 'node:https'

export interface Sent {
  url: string
  method: 'GET' | 'POST' | 'PUT' | 'DELETE'
  token: string
  /** JSON text, sent as it is: what a client sends must not be mended on the way. */
  body?: string
  /** Beside those that every request has. */
  headers?: Readonly<Record<string, string>>
  /** Proxy to send the request to in absolute form (RFC 9112, section 3.2.2). */
  proxy?: string
  timeoutMs: number
}

export interface Answer {
  status: number
  headers: Record<string, string | string[] | undefined>
  text: string
}

/** One HTTP request: by TLS where the URL says so and no proxy stands between. Rejects when no whole answer comes in time. */
export function send({ url, method, token, body, headers: more, proxy, timeoutMs }: Sent): Promise<Answer> {
  const target = new URL(url)
  const { hostname: host, port } = new URL(proxy ?? url)
  const path = proxy === undefined ? target.pathname + target.search : url
  const headers = {
    ...more,
    host: target.host,
    authorization: `Bearer ${token}`,
    ...(body !== undefined && { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) }),
  }
  const request = proxy === undefined && target.protocol === 'https:' ? requestTls : requestPlain
  return new Promise((resolve, reject) => {
    const asked = request({ host, port, method, path, headers, agent: false, signal: AbortSignal.timeout(timeoutMs) }, (response) => {
      const chunks: Buffer[] = []
      response.on('data', (chunk: Buffer) => chunks.push(chunk))
      response.once('error', reject)
      response.once('end', () =>
        resolve({ status: response.statusCode ?? 0, headers: response.headers, text: Buffer.concat(chunks).toString() }),
      )
    })
    asked.once('error', (error) =>
      reject(error.name === 'TimeoutError' ? new Error(`no answer from ${target.host} in ${timeoutMs / 1000} s`) : error),
    )
    asked.end(body)
  })
}
