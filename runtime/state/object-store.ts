import { GetObjectCommand, NoSuchKey, PutObjectCommand, type S3Client } from '@aws-sdk/client-s3'
import type { ObjectStore } from '../model/ports.ts'

/** One S3 bucket as an ObjectStore. Reads are bounded: an object over `maxBytes` is an error, never a full memory. */
export function s3ObjectStore(client: S3Client, bucket: string, maxBytes = 32 * 1024 * 1024): ObjectStore {
  return {
    async get(key) {
      try {
        const { Body, ContentLength } = await client.send(new GetObjectCommand({ Bucket: bucket, Key: key }))
        if (ContentLength !== undefined && ContentLength > maxBytes)
          throw new Error(`object ${key} has ${ContentLength} bytes, over ${maxBytes}`)
        return await Body?.transformToByteArray()
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
