import type { Readable } from 'node:stream'
import { GetObjectCommand, ListObjectsV2Command, NoSuchKey, PutObjectCommand, type S3Client, S3ServiceException } from '@aws-sdk/client-s3'
import type { ObjectArchive } from '../model/ports.ts'

/** One S3 bucket. Reads are bounded: an object over `maxBytes` is an error, never a full memory. */
export function s3ObjectStore(client: S3Client, bucket: string, maxBytes = 32 * 1024 * 1024): ObjectArchive {
  return {
    async get(key) {
      try {
        const { Body } = await client.send(new GetObjectCommand({ Bucket: bucket, Key: key }))
        return Body === undefined ? undefined : await readBounded(Body as Readable, key, maxBytes)
      } catch (error) {
        if (error instanceof NoSuchKey) return undefined
        throw error
      }
    },
    async put(key, body) {
      await client.send(new PutObjectCommand({ Bucket: bucket, Key: key, Body: body }))
    },
    async create(key, body) {
      for (let tries = 1; ; tries++) {
        try {
          await client.send(new PutObjectCommand({ Bucket: bucket, Key: key, Body: body, IfNoneMatch: '*' }))
          return true
        } catch (error) {
          const status = error instanceof S3ServiceException ? error.$metadata.httpStatusCode : undefined
          if (status === 412) return false
          // Another conditional write of this key is under way, and nobody has won yet ("Conditional requests", Amazon S3 user guide).
          if (status !== 409 || tries === CONFLICT_TRIES) throw error
        }
      }
    },
    async list(prefix, after) {
      const keys: string[] = []
      for (let token: string | undefined; ; ) {
        const page = await client.send(
          new ListObjectsV2Command({
            Bucket: bucket,
            Prefix: prefix,
            ...(token === undefined ? after !== undefined && { StartAfter: after } : { ContinuationToken: token }),
          }),
        )
        for (const { Key } of page.Contents ?? []) if (Key !== undefined) keys.push(Key)
        token = page.NextContinuationToken
        if (token === undefined) return keys
      }
    },
  }
}

const CONFLICT_TRIES = 5

/** Counts what arrives, because a length that is announced is only a claim. Leaving the loop ends the connection. */
async function readBounded(body: Readable, key: string, maxBytes: number): Promise<Uint8Array> {
  const chunks: Uint8Array[] = []
  let bytes = 0
  for await (const chunk of body as AsyncIterable<Uint8Array>) {
    bytes += chunk.byteLength
    if (bytes > maxBytes) throw new Error(`object ${key} is over ${maxBytes} bytes`)
    chunks.push(chunk)
  }
  return Buffer.concat(chunks)
}
