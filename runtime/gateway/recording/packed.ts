import { promisify } from 'node:util'
import { gunzip, gzip } from 'node:zlib'
import { open, type RecordingKey, seal } from './sealed.ts'

/** An object holds about a mebibyte of text; one that unpacks to more than this is not ours. */
const UNPACKED_BYTES_MAX = 64 * 1024 * 1024
/** Lines repeat each other: the fastest level already makes them some eight times smaller. */
const LEVEL = 1

/** Lines of recorded decisions as they are stored: packed on another thread, then sealed. */
export async function pack(lines: readonly string[], name: string, key: RecordingKey): Promise<Uint8Array> {
  return seal(await promisify(gzip)(Buffer.from(lines.join('\n')), { level: LEVEL }), name, key)
}

/** The text of one object. @throws SealError, or an Error when it cannot be unpacked */
export async function unpack(stored: Uint8Array, name: string, keys: readonly RecordingKey[]): Promise<Buffer> {
  return promisify(gunzip)(open(stored, name, keys), { maxOutputLength: UNPACKED_BYTES_MAX })
}
