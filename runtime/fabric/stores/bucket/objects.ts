import { createHash, randomUUID } from 'node:crypto'
import { link, mkdir, open, readdir, readFile, rename, rm, unlink } from 'node:fs/promises'
import { join } from 'node:path'
import { crc32 } from 'node:zlib'
import { z } from 'zod'
import { keyLocks } from '../locks.ts'

/** What a bucket remembers of an object. */
export interface ObjectMeta {
  key: string
  bytes: number
  /** MD5 of the content in hex: the ETag of an object that was put in one piece, without its quotes. */
  md5: string
  /** CRC-32 of the content in base64, big endian, as `x-amz-checksum-crc32` carries it. */
  crc32: string
  contentType: string
  /** `x-amz-meta-*`, without the prefix. */
  metadata: Record<string, string>
  lastModifiedMs: number
}

export interface StoredObject {
  meta: ObjectMeta
  body: Buffer
}

/** Objects of one bucket, each in one file. */
export interface Objects {
  get(key: string): Promise<StoredObject | undefined>
  head(key: string): Promise<ObjectMeta | undefined>
  /** Resolves when the object is on disk. `taken`: with `onlyIfAbsent`, the key had an object already. */
  put(key: string, body: Buffer, options: PutOptions): Promise<ObjectMeta | 'taken'>
  /** Every object whose key starts with `prefix`, in the order of S3: by the key's UTF-8 bytes. */
  list(prefix: string): Promise<ObjectMeta[]>
}

export interface PutOptions {
  contentType: string
  metadata: Record<string, string>
  onlyIfAbsent: boolean
}

/**
 * Keeps objects in a folder. A file is one line of JSON (the metadata) and then the content, so that both change in
 * one rename; its name is the SHA-256 of the key, so that no key, however it is spelled, leaves the folder. What is there is read once, for the
 * first listing: if each read every file, it would take longer with every object that a fabric ever kept.
 */
export async function openObjects(dir: string, now: () => number): Promise<Objects> {
  await mkdir(dir, { recursive: true })
  for (const name of await readdir(dir)) if (name.endsWith('.tmp')) await rm(join(dir, name))
  const pathOf = (key: string) => join(dir, createHash('sha256').update(key).digest('hex'))
  // Of two writers of one key, the one that is listed is the one whose file it is.
  const alone = keyLocks()
  const metas = new Map<string, ObjectMeta>()
  let indexed: Promise<void> | undefined
  const index = async () => {
    for (const name of await readdir(dir)) {
      const file = name.endsWith('.tmp') ? undefined : await readIfThere(join(dir, name))
      if (file === undefined) continue
      const { meta } = parseFile(file)
      // What was put meanwhile is newer.
      if (!metas.has(meta.key)) metas.set(meta.key, meta)
    }
  }

  return {
    async get(key) {
      const file = await readIfThere(pathOf(key))
      return file === undefined ? undefined : parseFile(file)
    },
    async head(key) {
      const file = await readIfThere(pathOf(key))
      return file === undefined ? undefined : parseFile(file).meta
    },
    async put(key, body, { contentType, metadata, onlyIfAbsent }) {
      const meta: ObjectMeta = {
        key,
        bytes: body.length,
        md5: createHash('md5').update(body).digest('hex'),
        crc32: crc32Base64(body),
        contentType,
        metadata,
        lastModifiedMs: now(),
      }
      const content = Buffer.concat([Buffer.from(`${JSON.stringify(meta)}\n`), body])
      return alone([key], async () => {
        if (!(await writeWhole(pathOf(key), content, onlyIfAbsent))) return 'taken'
        metas.set(key, meta)
        return meta
      })
    },
    async list(prefix) {
      indexed ??= index().catch((error) => {
        indexed = undefined
        throw error
      })
      await indexed
      const listed = [...metas.values()].filter(({ key }) => key.startsWith(prefix))
      return listed.sort((a, b) => Buffer.compare(Buffer.from(a.key), Buffer.from(b.key)))
    },
  }
}

export function crc32Base64(bytes: Uint8Array): string {
  const checksum = Buffer.alloc(4)
  checksum.writeUInt32BE(crc32(bytes))
  return checksum.toString('base64')
}

const objectMeta = z.strictObject({
  key: z.string(),
  bytes: z.int(),
  md5: z.string(),
  crc32: z.string(),
  contentType: z.string(),
  metadata: z.record(z.string(), z.string()),
  lastModifiedMs: z.number(),
})

function parseFile(file: Buffer): StoredObject {
  const end = file.indexOf('\n')
  const meta = objectMeta.parse(JSON.parse(file.subarray(0, end).toString()))
  return { meta, body: file.subarray(end + 1) }
}

async function readIfThere(path: string): Promise<Buffer | undefined> {
  try {
    return await readFile(path)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw error
  }
}

/**
 * Writes a file that is there completely or not at all, synced before it gets its name.
 * @returns false if `exclusive` and the name is taken
 */
async function writeWhole(path: string, content: Buffer, exclusive: boolean): Promise<boolean> {
  const temporary = `${path}.${randomUUID()}.tmp`
  try {
    const file = await open(temporary, 'wx')
    try {
      await file.writeFile(content)
      await file.sync()
    } finally {
      await file.close()
    }
    if (!exclusive) {
      await rename(temporary, path)
      return true
    }
    // Of two conditional writers at once, link lets exactly one have the name.
    await link(temporary, path)
    await unlink(temporary)
    return true
  } catch (error) {
    await rm(temporary, { force: true })
    if (exclusive && (error as NodeJS.ErrnoException).code === 'EEXIST') return false
    throw error
  }
}
