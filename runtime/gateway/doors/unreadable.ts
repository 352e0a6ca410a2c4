import type { Socket } from 'node:net'
import { AegisError } from '../../model/codes.ts'
import { errorBody } from './http-call.ts'

/**
 * Answers what is no request in the shape of every other refusal: what Node's parser gives up on never reaches a door. Nobody knows who sent
 * it, so it leaves no record.
 */
export function answerUnreadable(region: string) {
  return (error: Error & { code?: string }, socket: Socket) => {
    if (error.code === 'ECONNRESET' || socket.destroyed) return
    const refused = refusalOf(error)
    const body = JSON.stringify(errorBody(refused, undefined, region))
    if (socket.writable)
      socket.write(
        `HTTP/1.1 ${refused.status} ${refused.code}\r\ncontent-type: application/json; charset=utf-8\r\ncontent-length: ${Buffer.byteLength(body)}\r\nconnection: close\r\n\r\n${body}`,
      )
    // Not half-closed: what is still to come would be read.
    socket.destroySoon()
  }
}

function refusalOf({ code }: { code?: string }): AegisError {
  if (code === 'HPE_HEADER_OVERFLOW') return new AegisError('call_too_large', 'the headers are larger than the limit')
  if (code === 'ERR_HTTP_REQUEST_TIMEOUT') return new AegisError('malformed_call', 'the call did not arrive in time')
  return new AegisError('malformed_call', 'this is no HTTP/1.1 request')
}
