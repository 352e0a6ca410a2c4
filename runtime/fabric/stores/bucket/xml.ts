import type { ObjectMeta } from './objects.ts'

/** Error body of S3 (API reference, "Error responses"). */
export function errorXml(code: string, message: string, requestId: string): string {
  return `${PROLOGUE}<Error><Code>${asText(code)}</Code><Message>${asText(message)}</Message><RequestId>${requestId}</RequestId></Error>`
}

export interface Listing {
  bucket: string
  prefix: string
  maxKeys: number
  page: readonly ObjectMeta[]
  /** Token of the next page; absent on the last. */
  next: string | undefined
}

/** Body of ListObjectsV2. */
export function listXml({ bucket, prefix, maxKeys, page, next }: Listing): string {
  const contents = page.map(
    ({ key, md5, bytes, lastModifiedMs }) =>
      `<Contents><Key>${asText(key)}</Key><LastModified>${new Date(lastModifiedMs).toISOString()}</LastModified>` +
      `<ETag>&quot;${md5}&quot;</ETag><Size>${bytes}</Size><StorageClass>STANDARD</StorageClass></Contents>`,
  )
  return (
    `${PROLOGUE}<ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><Name>${asText(bucket)}</Name><Prefix>${asText(prefix)}</Prefix>` +
    `<KeyCount>${page.length}</KeyCount><MaxKeys>${maxKeys}</MaxKeys><IsTruncated>${next !== undefined}</IsTruncated>` +
    `${next === undefined ? '' : `<NextContinuationToken>${next}</NextContinuationToken>`}${contents.join('')}</ListBucketResult>`
  )
}

const PROLOGUE = '<?xml version="1.0" encoding="UTF-8"?>\n'

/** Control characters are written as references: a key may hold any, and a parser would refuse or change them. */
export function asText(text: string): string {
  return text.replace(/[&<>"'\p{Cc}]/gu, (character) => `&#${character.charCodeAt(0)};`)
}
