import { createHash, randomUUID } from 'node:crypto'
import { chunkedBody } from './aws-chunked.ts'
import { crc32Base64, type ObjectMeta, type Objects } from './objects.ts'
import { errorXml, listXml } from './xml.ts'

export interface S3Request {
  method: string
  /** As it came: percent-encoded path, query included. */
  target: string
  /** Names in lower case. */
  headers: Record<string, string | undefined>
  body: Buffer
}

export interface S3Response {
  status: number
  headers: Record<string, string>
  body?: Buffer | string
}

/**
 * Answers PutObject, GetObject, HeadObject, HeadBucket and ListObjectsV2 in path style, for the buckets given and no
 * others. Shapes and codes: Amazon S3 API reference. What it does not know is NotImplemented: a condition or
 * sub-resource is never ignored where ignoring it would store or return something else.
 */
export function s3Service(buckets: ReadonlyMap<string, Objects>) {
  return async (request: S3Request): Promise<S3Response> => {
    const requestId = randomUUID()
    const answer = await respond(buckets, request).catch((error: unknown) => {
      if (error instanceof S3Error) return error
      // A failing disk is an answer that SDKs retry, and never an acknowledged write.
      console.error(`stores: bucket: ${request.method} ${request.target}: ${String(error)}`)
      return new S3Error(500, 'InternalError', 'We encountered an internal error. Please try again.')
    })
    const response = answer instanceof S3Error ? answer.response(requestId, request.method) : answer
    return { ...response, headers: { ...response.headers, 'x-amz-request-id': requestId } }
  }
}

class S3Error extends Error {
  readonly status: number
  readonly code: string
  constructor(status: number, code: string, message: string) {
    super(message)
    this.status = status
    this.code = code
  }
  response(requestId: string, method: string): S3Response {
    const headers = { 'content-type': 'application/xml' }
    if (method === 'HEAD') return { status: this.status, headers }
    return { status: this.status, headers, body: errorXml(this.code, this.message, requestId) }
  }
}

async function respond(buckets: ReadonlyMap<string, Objects>, request: S3Request): Promise<S3Response> {
  const { bucket, key, query } = parseTarget(request.target)
  if (bucket === '') throw new S3Error(501, 'NotImplemented', 'the fabric does not list buckets')
  const objects = buckets.get(bucket)
  if (objects === undefined) throw new S3Error(404, 'NoSuchBucket', `The specified bucket does not exist: ${bucket}`)
  const list = key === ''
  const known = list ? LIST_PARAMETERS : OBJECT_PARAMETERS
  for (const name of query.keys()) {
    if (!known.has(name.toLowerCase())) throw new S3Error(501, 'NotImplemented', `the fabric does not know the parameter ${name} here`)
  }
  if (list && request.method === 'GET' && query.get('list-type') === '2') return listObjects(objects, bucket, query)
  if (list && request.method === 'HEAD') return { status: 200, headers: {} }
  if (!list && request.method === 'PUT') return putObject(objects, key, request)
  if (!list && request.method === 'GET') return getObject(objects, key)
  if (!list && request.method === 'HEAD') return headObject(objects, key)
  throw new S3Error(501, 'NotImplemented', `the fabric does not answer ${request.method} on ${list ? 'a bucket' : 'an object'}`)
}

const OBJECT_PARAMETERS = new Set(['x-id'])
const LIST_PARAMETERS = new Set(['x-id', 'list-type', 'prefix', 'max-keys', 'start-after', 'continuation-token', 'fetch-owner'])

/** Longest key in UTF-8 bytes, and most keys in a listing (S3 user guide, "Object key names"; ListObjectsV2). */
const KEY_MAX_BYTES = 1024
const LIST_MAX_KEYS = 1000

/** Not by URL: it would resolve `..` and let a key name another one. */
function parseTarget(target: string): { bucket: string; key: string; query: URLSearchParams } {
  const [path = '', search = ''] = target.split(/\?(.*)/s)
  const [, bucket = '', key = ''] = /^\/([^/]*)\/?(.*)$/s.exec(path) ?? []
  let decoded: string
  try {
    decoded = decodeURIComponent(key)
  } catch {
    throw new S3Error(400, 'InvalidURI', "Couldn't parse the specified URI.")
  }
  if (Buffer.byteLength(decoded) > KEY_MAX_BYTES)
    throw new S3Error(400, 'KeyTooLongError', `Your key is too long: over ${KEY_MAX_BYTES} bytes`)
  return { bucket, key: decoded, query: new URLSearchParams(search) }
}

async function putObject(objects: Objects, key: string, { headers, body }: S3Request): Promise<S3Response> {
  const condition = headers['if-none-match']
  if (condition !== undefined && condition !== '*') throw new S3Error(501, 'NotImplemented', `If-None-Match ${condition}: S3 takes only *`)
  for (const name of ['if-match', 'x-amz-copy-source', 'x-amz-tagging', 'x-amz-object-lock-mode']) {
    if (headers[name] !== undefined) throw new S3Error(501, 'NotImplemented', `the fabric does not know the header ${name}`)
  }
  const { content, trailers } = contentOf(headers, body)
  refuseBadDigest({ ...headers, ...trailers }, content)
  const metadata = Object.fromEntries(
    Object.entries(headers).flatMap(([name, value]) =>
      name.startsWith('x-amz-meta-') ? [[name.slice('x-amz-meta-'.length), value ?? '']] : [],
    ),
  )
  const stored = await objects.put(key, content, {
    contentType: headers['content-type'] ?? 'application/octet-stream',
    metadata,
    onlyIfAbsent: condition === '*',
  })
  if (stored === 'taken') throw new S3Error(412, 'PreconditionFailed', 'At least one of the pre-conditions you specified did not hold')
  return {
    status: 200,
    headers: { etag: `"${stored.md5}"`, 'x-amz-checksum-crc32': stored.crc32, 'x-amz-checksum-type': 'FULL_OBJECT' },
  }
}

function contentOf(headers: S3Request['headers'], body: Buffer): { content: Buffer; trailers: Record<string, string> } {
  if (!headers['x-amz-content-sha256']?.startsWith('STREAMING-')) return { content: body, trailers: {} }
  const decoded = chunkedBody(body)
  if (decoded === undefined) throw new S3Error(400, 'IncompleteBody', 'the aws-chunked body is malformed')
  const promised = headers['x-amz-decoded-content-length']
  if (promised !== undefined && Number(promised) !== decoded.content.length) {
    throw new S3Error(400, 'IncompleteBody', `the body has ${decoded.content.length} bytes, x-amz-decoded-content-length says ${promised}`)
  }
  return decoded
}

/** Checks every digest that it can compute; other algorithms are accepted unread, as their content is hashed anyway. */
function refuseBadDigest(headers: Record<string, string | undefined>, content: Buffer): void {
  const hash = (name: string, encoding: 'hex' | 'base64') => createHash(name).update(content).digest(encoding)
  const expected: [string, () => string][] = [
    ['content-md5', () => hash('md5', 'base64')],
    ['x-amz-checksum-crc32', () => crc32Base64(content)],
    ['x-amz-checksum-sha1', () => hash('sha1', 'base64')],
    ['x-amz-checksum-sha256', () => hash('sha256', 'base64')],
  ]
  for (const [name, compute] of expected) {
    const given = headers[name]
    if (given !== undefined && given !== compute()) throw new S3Error(400, 'BadDigest', `${name} did not match what we received`)
  }
  const sha256 = headers['x-amz-content-sha256']
  if (sha256 !== undefined && /^[0-9a-f]{64}$/.test(sha256) && sha256 !== hash('sha256', 'hex')) {
    throw new S3Error(400, 'XAmzContentSHA256Mismatch', "The provided 'x-amz-content-sha256' header does not match what was computed.")
  }
}

async function getObject(objects: Objects, key: string): Promise<S3Response> {
  const object = await objects.get(key)
  if (object === undefined) throw new S3Error(404, 'NoSuchKey', 'The specified key does not exist.')
  return { status: 200, headers: objectHeaders(object.meta), body: object.body }
}

async function headObject(objects: Objects, key: string): Promise<S3Response> {
  const meta = await objects.head(key)
  if (meta === undefined) throw new S3Error(404, 'NoSuchKey', 'The specified key does not exist.')
  return { status: 200, headers: objectHeaders(meta) }
}

function objectHeaders(meta: ObjectMeta): Record<string, string> {
  return {
    ...Object.fromEntries(Object.entries(meta.metadata).map(([name, value]) => [`x-amz-meta-${name}`, value])),
    'content-type': meta.contentType,
    'content-length': String(meta.bytes),
    etag: `"${meta.md5}"`,
    'last-modified': new Date(meta.lastModifiedMs).toUTCString(),
    'x-amz-checksum-crc32': meta.crc32,
    'x-amz-checksum-type': 'FULL_OBJECT',
  }
}

async function listObjects(objects: Objects, bucket: string, query: URLSearchParams): Promise<S3Response> {
  const prefix = query.get('prefix') ?? ''
  const maxKeys = Number(query.get('max-keys') ?? LIST_MAX_KEYS)
  if (!Number.isInteger(maxKeys) || maxKeys < 0) throw new S3Error(400, 'InvalidArgument', 'max-keys is not a whole number from 0')
  const token = query.get('continuation-token')
  const after = token === null ? (query.get('start-after') ?? '') : Buffer.from(token, 'base64url').toString()
  const rest = (await objects.list(prefix)).filter(({ key }) => Buffer.compare(Buffer.from(key), Buffer.from(after)) > 0)
  const page = rest.slice(0, Math.min(maxKeys, LIST_MAX_KEYS))
  const last = page.at(-1)
  const next = rest.length > page.length && last !== undefined ? Buffer.from(last.key).toString('base64url') : undefined
  return { status: 200, headers: { 'content-type': 'application/xml' }, body: listXml({ bucket, prefix, maxKeys, page, next }) }
}
