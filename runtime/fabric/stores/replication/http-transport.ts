import { Agent, request } from 'node:http'
import { REPLICATION_PATH, SECRET_HEADER } from '../server.ts'
import { type Answer, answerSchema, type Message, type Transport } from './messages.ts'

/** A peer that is stopped or cut off counts as unreachable after this. Applying a message takes milliseconds. */
const ANSWER_MAX_MS = 2000

/** Carries messages to the peers' stores. `urlOf` is asked each time, as a peer may come back on another port. */
export function httpTransport({ secret, urlOf }: { secret: string; urlOf: (peer: string) => string | undefined }): {
  transport: Transport
  close(): void
} {
  const agent = new Agent({ keepAlive: true, maxSockets: 2 })
  const transport: Transport = (peer, message) => {
    const url = urlOf(peer)
    if (url === undefined) return Promise.reject(new Error(`${peer} has no address yet`))
    return post(agent, new URL(REPLICATION_PATH, url), secret, message)
  }
  return { transport, close: () => agent.destroy() }
}

function post(agent: Agent, url: URL, secret: string, message: Message): Promise<Answer> {
  const body = JSON.stringify(message)
  const headers = { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body), [SECRET_HEADER]: secret }
  return new Promise((resolve, reject) => {
    const sent = request(url, { method: 'POST', agent, headers, signal: AbortSignal.timeout(ANSWER_MAX_MS) }, (response) => {
      const chunks: Buffer[] = []
      response.on('data', (chunk: Buffer) => chunks.push(chunk))
      response.on('error', reject)
      response.on('end', () => {
        const text = Buffer.concat(chunks).toString()
        if (response.statusCode !== 200) return reject(new Error(`${url.host} answers ${response.statusCode}: ${text.slice(0, 200)}`))
        try {
          resolve(answerSchema.parse(JSON.parse(text)))
        } catch (error) {
          reject(error as Error)
        }
      })
    })
    sent.on('error', reject)
    sent.end(body)
  })
}
