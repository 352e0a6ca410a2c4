import type { Readable } from 'node:stream'
import { GetObjectCommand, NoSuchKey, PutObjectCommand, type S3Client } from '@aws-sdk/client-s3'
import type { ObjectStore } from '../model/ports.ts'

/** One S3 bucket as an ObjectStore. Reads are bounded: an object over `maxBytes` is an error, never a full memory. */
export function s3ObjectStore(client: S3Client, bucket: string, maxBytes = 32 * 1024 * 1024): ObjectStore {
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
  }
}

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
