import { randomUUID, timingSafeEqual } from 'node:crypto'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { crc32 } from 'node:zlib'
import { type Caller, failure, type QueryReply, type Sts } from './access/sts.ts'
import type { S3Request, S3Response } from './bucket/s3.ts'
import { errorXml } from './bucket/xml.ts'
import { accessKeyIdOf, GATEWAY_ACCESS_KEY_ID, type ScopeFault, type Service, scopeFault } from './credential-scope.ts'
import type { Reply } from './reply.ts'

/** What listens behind the one port. A service that a process does not hold answers nothing but an error. */
export interface Services {
  region: string
  tables?: ((operation: string, input: Record<string, unknown>, caller: Caller) => Promise<Reply>) | undefined
  /** Whether a gateway's own credentials may do that to a table. Absent: whatever it asks. */
  gatewayMay?: ((operation: string, input: Record<string, unknown>) => boolean) | undefined
  /** What was refused for want of a right, each once. */
  refusedRights: Set<string>
  keys?: ((operation: string, input: Record<string, unknown>, caller: Caller) => Reply) | undefined
  sts: Sts
  bucket?: ((request: S3Request) => Promise<S3Response>) | undefined
  replication?: { secret: string; receive: (message: unknown) => Promise<Reply> } | undefined
}

export const REPLICATION_PATH = '/_aegis/replication'
export const HEALTH_PATH = '/_aegis/health'
export const SECRET_HEADER = 'x-aegis-replication-secret'

/** Largest request of DynamoDB; objects are bundles and directories, far below the other. */
const JSON_MAX_BYTES = 16 * 1024 * 1024
const FORM_MAX_BYTES = 64 * 1024
const OBJECT_MAX_BYTES = 64 * 1024 * 1024

/** Listens on 127.0.0.1 and answers the protocols of DynamoDB (JSON 1.0), KMS (JSON 1.1), STS (Query) and S3, told apart by their headers. */
export async function listen(services: Services, port: number): Promise<Server> {
  let told = ''
  const server = createServer((request, response) => {
    answer(services, request, response).catch((error: unknown) => {
      // Nobody waits any more: the caller has gone, or the server is closing under it.
      if (request.socket.destroyed) return
      // A full disk fails every request alike: said once, it can be read.
      const line = `stores ${services.region}: ${request.method} ${request.url}: ${String(error)}`
      if (line !== told) console.error(line)
      told = line
      if (response.headersSent) response.destroy()
      else
        sendJson(response, {
          status: 500,
          body: { __type: 'com.amazon.coral.service#InternalServerError', message: 'Internal server error' },
        })
    })
  })
  // Longer than SDK clients keep idle connections, so that none is closed under a request.
  server.keepAliveTimeout = 65_000
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen(port, '127.0.0.1', resolve)
  })
  return server
}

export function portOf(server: Server): number {
  return (server.address() as AddressInfo).port
}

async function answer(services: Services, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const path = request.url ?? '/'
  if (path === HEALTH_PATH) return sendJson(response, { status: 200, body: { region: services.region } })
  if (path === REPLICATION_PATH) return answerPeer(services, request, response)
  const target = request.headers['x-amz-target']
  if (typeof target !== 'string')
    return isForm(request) ? answerSts(services, request, response) : answerBucket(services, request, response)
  const [prefix = '', operation = ''] = target.split('.')
  const service: Service = prefix === 'TrentService' ? 'kms' : 'dynamodb'
  const handler = prefix === 'TrentService' ? services.keys : prefix === 'DynamoDB_20120810' ? services.tables : undefined
  if (handler === undefined) return sendJson(response, unknownOperation(target))
  const fault = scopeFault(request.headers.authorization, services.region, service)
  if (fault !== undefined) return sendJson(response, refusedScope(fault))
  const accessKeyId = accessKeyIdOf(request.headers.authorization)
  const caller = services.sts.callerOf(accessKeyId)
  if (!mayUse(caller, service)) return sendJson(response, refusedCaller(caller))
  const body = await readBody(request, JSON_MAX_BYTES)
  if (body === undefined)
    return sendJson(response, { status: 413, body: { __type: 'RequestEntityTooLargeException', message: 'Request is larger than 16 MiB' } })
  const input = parseObject(body)
  if (input === undefined) return sendJson(response, { status: 400, body: { __type: 'com.amazon.coral.service#SerializationException' } })
  if (service === 'dynamodb' && accessKeyId === GATEWAY_ACCESS_KEY_ID && services.gatewayMay?.(operation, input) === false)
    return sendJson(response, refusedRight(services, operation, input))
  sendJson(response, await handler(operation, input, caller), request.headers['content-type'])
}

/** The roles that STS gives out here sign with a key, and do nothing else. */
function mayUse({ kind }: Caller, service: Service): boolean {
  return kind === 'task' || (kind === 'role' && service === 'kms')
}

function refusedCaller({ kind }: Caller): Reply {
  return kind === 'unknown'
    ? { status: 400, body: { __type: 'UnrecognizedClientException', message: 'The security token included in the request is invalid.' } }
    : { status: 400, body: { __type: 'AccessDeniedException', message: 'the role may sign with its key and nothing else' } }
}

/** A gateway that asks for more than its policy allows would fail in AWS: that must not pass unseen because it goes on without. */
function refusedRight({ region, refusedRights }: Services, operation: string, { TableName }: Record<string, unknown>): Reply {
  const message = `the gateway's role is not authorized to perform: dynamodb:${operation} on table ${TableName}, or on that partition of it`
  if (!refusedRights.has(message)) console.error(`stores ${region}: ${message}`)
  refusedRights.add(message)
  return { status: 400, body: { __type: 'com.amazon.coral.service#AccessDeniedException', message } }
}

/** Query services take a form; nothing else here does. */
const isForm = ({ method, headers }: IncomingMessage) =>
  method === 'POST' && headers['content-type']?.startsWith('application/x-www-form-urlencoded') === true

async function answerSts({ sts, region }: Services, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const send = ({ status, body }: QueryReply) => {
    response.writeHead(status, { 'content-type': 'text/xml', 'content-length': Buffer.byteLength(body) })
    response.end(body)
  }
  const fault = scopeFault(request.headers.authorization, region, 'sts')
  if (fault !== undefined)
    return send(failure(403, fault.code === 'missing' ? 'MissingAuthenticationToken' : 'SignatureDoesNotMatch', fault.message))
  if (sts.callerOf(accessKeyIdOf(request.headers.authorization)).kind !== 'task')
    return send(failure(403, 'AccessDenied', 'a role that was taken takes no other'))
  const body = await readBody(request, FORM_MAX_BYTES)
  if (body === undefined) return send(failure(413, 'RequestEntityTooLarge', `Request is larger than ${FORM_MAX_BYTES} bytes`))
  send(sts.answer(new URLSearchParams(body.toString())))
}

async function answerPeer({ replication, region }: Services, request: IncomingMessage, response: ServerResponse): Promise<void> {
  if (replication === undefined || !sameSecret(request.headers[SECRET_HEADER], replication.secret)) {
    return sendJson(response, { status: 403, body: { error: `${region}: not a peer` } })
  }
  const body = await readBody(request, JSON_MAX_BYTES)
  const message = body === undefined ? undefined : parseObject(body)
  if (message === undefined) return sendJson(response, { status: 400, body: { error: 'not a JSON object under 16 MiB' } })
  sendJson(response, await replication.receive(message))
}

async function answerBucket({ bucket, region, sts }: Services, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const fault = scopeFault(request.headers.authorization, region, 's3')
  const refusal = (status: number, code: string, message: string) => {
    response.writeHead(status, { 'content-type': 'application/xml' })
    response.end(request.method === 'HEAD' ? undefined : errorXml(code, message, randomUUID()))
  }
  if (fault?.code === 'missing') return refusal(403, 'AccessDenied', fault.message)
  if (fault !== undefined) return refusal(400, 'AuthorizationHeaderMalformed', `The authorization header is malformed; ${fault.message}`)
  if (!mayUse(sts.callerOf(accessKeyIdOf(request.headers.authorization)), 's3')) return refusal(403, 'AccessDenied', 'Access Denied')
  if (bucket === undefined) return refusal(404, 'NoSuchBucket', `${region} has no bucket here`)
  const body = await readBody(request, OBJECT_MAX_BYTES)
  if (body === undefined) return refusal(400, 'EntityTooLarge', `the fabric takes objects up to ${OBJECT_MAX_BYTES} bytes`)
  const headers = Object.fromEntries(
    Object.entries(request.headers).map(([name, value]) => [name, Array.isArray(value) ? value.join(',') : value]),
  )
  const { status, headers: out, body: content } = await bucket({ method: request.method ?? '', target: request.url ?? '/', headers, body })
  response.writeHead(status, content === undefined ? out : { ...out, 'content-length': Buffer.byteLength(content) })
  response.end(content)
}

/** @returns undefined if the body is larger than that; the rest of it is read away, so that the answer arrives */
async function readBody(request: IncomingMessage, maxBytes: number): Promise<Buffer | undefined> {
  const chunks: Buffer[] = []
  let bytes = 0
  for await (const chunk of request as AsyncIterable<Buffer>) {
    bytes += chunk.length
    if (bytes <= maxBytes) chunks.push(chunk)
    else chunks.length = 0
  }
  return bytes > maxBytes ? undefined : Buffer.concat(chunks)
}

function parseObject(body: Buffer): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(body.toString())
    return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Record<string, unknown>) : undefined
  } catch {
    return undefined
  }
}

function sendJson(response: ServerResponse, { status, body }: Reply, contentType = 'application/x-amz-json-1.0'): void {
  const text = JSON.stringify(body)
  response.writeHead(status, {
    'content-type': contentType,
    'content-length': Buffer.byteLength(text),
    'x-amzn-requestid': randomUUID(),
    'x-amz-crc32': crc32(text),
  })
  response.end(text)
}

function refusedScope({ code, message }: ScopeFault): Reply {
  const type = {
    missing: 'MissingAuthenticationToken',
    malformed: 'IncompleteSignature',
    region: 'InvalidSignature',
    service: 'InvalidSignature',
  }[code]
  return { status: 400, body: { __type: `com.amazon.coral.service#${type}Exception`, message } }
}

function unknownOperation(target: string): Reply {
  return { status: 400, body: { __type: 'com.amazon.coral.service#UnknownOperationException', message: `nothing here answers ${target}` } }
}

function sameSecret(given: string | string[] | undefined, expected: string): boolean {
  const left = Buffer.from(String(given ?? ''))
  const right = Buffer.from(expected)
  return left.length === right.length && timingSafeEqual(left, right)
}
