import { buffer } from 'node:stream/consumers'
import { gzipSync } from 'node:zlib'
import { extract, type Header, pack } from 'tar-stream'
import { TrustError } from './trust.ts'

/** Packs files as `opa build` does: names with a slash in front, no times, no owners. The same files give the same bytes. */
export async function packTarGz(files: ReadonlyMap<string, Uint8Array>): Promise<Uint8Array> {
  const tar = pack()
  for (const [name, bytes] of files) {
    tar.entry({ name: `/${name}`, mode: 0o600, uid: 0, gid: 0, mtime: new Date(0), type: 'file' }, Buffer.from(bytes))
  }
  tar.finalize()
  return gzipSync(await buffer(tar), { level: 9 })
}

/**
 * Unpacks a tar archive into memory. Only plain files of the given names are taken, so no name can point
 * anywhere; one slash or `./` in front is OPA's and tar's way of writing them.
 *
 * @throws TrustError `malformed` for anything else in the archive, a name that comes twice, or a broken archive
 */
export async function unpackTar(tar: Uint8Array, names: ReadonlySet<string>): Promise<Map<string, Uint8Array>> {
  const files = new Map<string, Uint8Array>()
  const archive = extract()
  archive.end(Buffer.from(tar.buffer, tar.byteOffset, tar.byteLength))
  try {
    for await (const entry of archive) {
      const name = entryName(entry.header, names)
      if (files.has(name)) throw new TrustError('malformed', `the archive has ${name} twice`)
      files.set(name, await buffer(entry))
    }
  } catch (error) {
    if (error instanceof TrustError) throw error
    throw new TrustError('malformed', 'the archive is broken', { cause: error })
  }
  return files
}

function entryName({ name: written, type }: Header, names: ReadonlySet<string>): string {
  const name = written.replace(/^\.?\//, '')
  if (type !== 'file') throw new TrustError('malformed', `the archive has a ${type} named ${JSON.stringify(written)}`)
  if (!names.has(name)) throw new TrustError('malformed', `the archive has ${JSON.stringify(written)}, which does not belong in a bundle`)
  return name
}
