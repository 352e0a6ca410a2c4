import { buildConnector, Pool } from 'undici'
import { AegisError } from '../model/codes.ts'
import { isToolDoor } from './doors.ts'
import { answerHeaders, type Headers } from './headers.ts'

export interface Question {
  method: string
  /** Path and query. */
  target: string
  /** Names and values in turn. */
  headers: string[]
  body: Uint8Array | undefined
  /** Aborts when nobody waits for the answer any more. */
  gone: AbortSignal
}

export interface Answer {
  status: number
  headers: Headers
  body: Uint8Array
}

export interface GatewayLink {
  /**
   * Asks once. A redirect is an answer like any other, and nothing is tried again: only the agent knows what may happen twice.
   * @throws AegisError not_ready when nothing was sent; outcome_unknown when something was, and no answer of a gateway came back
   */
  ask(question: Question): Promise<Answer>
  close(): Promise<void>
}

export interface GatewayLinkOptions {
  /** Origin. */
  url: string
  connectTimeoutMs: number
  /** For the whole answer. */
  answerTimeoutMs: number
}

const CONNECTIONS_MAX = 64
/** Largest answer: what a gateway takes from a tool. */
const ANSWER_BYTES_MAX = 8 * 1024 * 1024
/** Bytes of all answers that are being read at once. */
const READING_BYTES_MAX = 64 * 1024 * 1024
const HEADER_BYTES_MAX = 16 * 1024

class NotConnectedError extends Error {
  override name = 'NotConnectedError'
}

export function gatewayLink({ url, connectTimeoutMs, answerTimeoutMs }: GatewayLinkOptions): GatewayLink {
  // Said, so that no variable of the environment takes the certificate's check away.
  const connect = buildConnector({ timeout: connectTimeoutMs, allowH2: false, rejectUnauthorized: true })
  const pool = new Pool(url, {
    connections: CONNECTIONS_MAX,
    allowH2: false,
    headersTimeout: answerTimeoutMs,
    bodyTimeout: answerTimeoutMs,
    maxResponseSize: ANSWER_BYTES_MAX,
    maxHeaderSize: HEADER_BYTES_MAX,
    connect: (options, callback) =>
      connect(options, (...[error, socket]) =>
        error === null ? callback(null, socket) : callback(new NotConnectedError('no connection', { cause: error }), null),
      ),
  })
  let reading = 0

  const bodyOf = async (body: AsyncIterable<Uint8Array>): Promise<Uint8Array> => {
    const chunks: Uint8Array[] = []
    let size = 0
    try {
      for await (const chunk of body) {
        chunks.push(chunk)
        size += chunk.length
        reading += chunk.length
        if (reading > READING_BYTES_MAX) throw new Error('more is answered at once than there is room for')
      }
      return Buffer.concat(chunks, size)
    } finally {
      reading -= size
    }
  }

  return {
    async ask({ method, target, headers, body, gone }) {
      const signal = AbortSignal.any([gone, AbortSignal.timeout(answerTimeoutMs)])
      try {
        const answer = await pool.request({ method: method as 'GET', path: target, headers, body: body ?? null, signal })
        const read = { status: answer.statusCode, headers: answer.headers, body: await bodyOf(answer.body) }
        if (!isOfGateway(read, target)) throw new Error(`an answer with status ${read.status} that no gateway gives`)
        return { ...read, headers: answerHeaders(read.headers) }
      } catch (error) {
        throw refusal(error)
      }
    },
    close: () => pool.destroy(),
  }
}

/** By the words of docs/codes.md: after the one the call may be tried again, after the other the tool may have acted. */
function refusal(cause: unknown): AegisError {
  const { name, code } = cause as { name?: string; code?: string }
  if (name === 'NotConnectedError') return new AegisError('not_ready', 'the gateway cannot be reached, and nothing was sent', { cause })
  // Refused by the HTTP client before a byte of it was written.
  if (code === 'UND_ERR_INVALID_ARG' || code === 'UND_ERR_NOT_SUPPORTED')
    return new AegisError('malformed_call', 'a header cannot be sent on', { cause })
  return new AegisError('outcome_unknown', 'the gateway was asked and gave no answer, so what it did is not known here', { cause })
}

/**
 * A load balancer without a gateway answers pages, a captive network redirects: neither may look like a verdict. Only the tool proxy
 * passes on what is not JSON, and says by which decision.
 */
function isOfGateway({ status, headers, body }: Answer, target: string): boolean {
  if (status > 599 || !hasKnownEnd(status, headers)) return false
  if (isToolDoor(target) && headers['aegis-decision-id'] !== undefined) return true
  if (status >= 300 && status < 400) return false
  return /^application\/json\b/i.test(String(headers['content-type'] ?? '')) && isJson(body)
}

/** An answer that only the end of the connection ends (RFC 9112, section 6.3) looks whole wherever it was cut off. No gateway gives one. */
function hasKnownEnd(status: number, headers: Headers): boolean {
  return status === 204 || status === 304 || headers['content-length'] !== undefined || headers['transfer-encoding'] !== undefined
}

function isJson(body: Uint8Array): boolean {
  try {
    JSON.parse(Buffer.from(body.buffer, body.byteOffset, body.byteLength).toString())
    return true
  } catch {
    return false
  }
}
