import { setImmediate as nextTurn } from 'node:timers/promises'
import { promisify } from 'node:util'
import { gunzip } from 'node:zlib'
import { z } from 'zod'
import type { CustomClass } from '../dlp/custom-class.ts'
import type { Signer } from '../model/ports.ts'
import { type ActiveAgent, type BundleData, readBundleData, type Tool } from './bundle-data.ts'
import { fileHash, goEncoding, parseJson, sha256 } from './file-hashes.ts'
import { signCompact, verifyCompact } from './jws.ts'
import { packTarGz, unpackTar } from './tar.ts'
import { checkScope, type Expected, scopeFields, TrustError, type TrustRoot } from './trust.ts'

/** A bundle whose signature, files and scope were checked. Not yet active: its module is loaded and smoked first. */
export interface ActiveBundle {
  /** SHA-256 of the archive in lower-case hex: its name in the bucket. */
  digest: string
  /** `policy_version` of its verdicts. */
  revision: string
  seq: number
  zone: string
  notBeforeMs: number
  notAfterMs: number
  wasm: Uint8Array
  agents: ReadonlyMap<string, ActiveAgent>
  tools: ReadonlyMap<string, Tool>
  /** Data classes that documents add to the built-in ones. */
  classes: readonly CustomClass[]
}

const PACKED_BYTES_MAX = 32 * 1024 * 1024
const UNPACKED_BYTES_MAX = 128 * 1024 * 1024
const SIGNATURES = '.signatures.json'
/** Exactly these. OPA writes the names with a slash in front, and signs them without. */
const FILES = ['.manifest', 'data.json', 'policy.wasm'] as const
const ENTRYPOINT = 'aegis/gateway/decision'

/**
 * Checks a gateway's bundle: OPA's signed bundle format with one ES256 signature, `seq` and zone in the manifest. In several turns of
 * the event loop, since calls are decided meanwhile and wait for the longest of them.
 *
 * @throws TrustError; nothing of the bundle may be used then
 */
export async function verifyBundle(bytes: Uint8Array, expected: Expected): Promise<ActiveBundle> {
  const files = await unpack(bytes)
  await nextTurn()
  await checkSignature(files, expected.trust)
  const { metadata, revision } = parsed('.manifest', files, (value) => manifestSchema.parse(value))
  const scope = { zone: metadata.zone, seq: metadata.seq, notBeforeMs: metadata.not_before, notAfterMs: metadata.not_after }
  checkScope('bundle', scope, expected)
  await nextTurn()
  const data = parsed('data.json', files, readBundleData)
  await nextTurn()
  return { digest: sha256(bytes), revision, ...scope, wasm: fileOf('policy.wasm', files), ...data }
}

export interface BundleContents {
  data: BundleData
  revision: string
  seq: number
  zone: string
  /** Milliseconds since the epoch, like all times here. */
  notBeforeMs: number
  notAfterMs: number
}

/** Packs and signs what gateways read. The same contents give the same bytes but for the signature, which ES256 randomizes. */
export function packBundle({ wasm, ...contents }: BundleContents & { wasm: Uint8Array }, signer: Signer): Promise<Uint8Array> {
  const resolvers = { wasm: [{ entrypoint: ENTRYPOINT, module: '/policy.wasm' }] }
  return pack(contents, resolvers, new Map([['policy.wasm', wasm]]), signer)
}

/** Packs and signs the same revision for a real OPA, which refuses WASM. `modules`: Rego by path. */
export function packRegoBundle(
  { modules, ...contents }: BundleContents & { modules: ReadonlyMap<string, string> },
  signer: Signer,
): Promise<Uint8Array> {
  return pack(contents, {}, new Map([...modules].map(([path, source]) => [path, Buffer.from(source)])), signer)
}

async function pack(
  { data, revision, zone, seq, notBeforeMs, notAfterMs }: BundleContents,
  resolvers: object,
  code: ReadonlyMap<string, Uint8Array>,
  signer: Signer,
): Promise<Uint8Array> {
  const metadata = { zone, seq, not_before: notBeforeMs, not_after: notAfterMs }
  const manifest = { revision, roots: ['aegis'], ...resolvers, rego_version: 1, metadata }
  const files = new Map<string, Uint8Array>([
    ['data.json', Buffer.from(goEncoding(data as Parameters<typeof goEncoding>[0]))],
    ...code,
    ['.manifest', Buffer.from(JSON.stringify(manifest))],
  ])
  const hashes = [...files].map(([name, content]) => ({ name, hash: fileHash(name, content), algorithm: 'SHA-256' }))
  const signatures = { signatures: [await signCompact({ files: hashes }, signer)] }
  return packTarGz(new Map([...files, [SIGNATURES, Buffer.from(JSON.stringify(signatures))]]))
}

const manifestSchema = z.strictObject({
  revision: z.string().min(1).max(128),
  roots: z.tuple([z.literal('aegis')]),
  wasm: z.tuple([z.strictObject({ entrypoint: z.literal(ENTRYPOINT), module: z.literal('/policy.wasm') })]),
  rego_version: z.literal(1),
  metadata: z.strictObject(scopeFields),
})

const signaturesSchema = z.strictObject({ signatures: z.array(z.string()) })

const signedFilesSchema = z.object({
  files: z.array(z.strictObject({ name: z.string(), hash: z.string(), algorithm: z.string() })),
})

async function unpack(bytes: Uint8Array): Promise<Map<string, Uint8Array>> {
  if (bytes.byteLength > PACKED_BYTES_MAX)
    throw new TrustError('too_large', `the bundle has ${bytes.byteLength} bytes, at most ${PACKED_BYTES_MAX} are read`)
  let tar: Uint8Array
  try {
    tar = await promisify(gunzip)(bytes, { maxOutputLength: UNPACKED_BYTES_MAX })
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ERR_BUFFER_TOO_LARGE')
      throw new TrustError('too_large', `the bundle unpacks to more than ${UNPACKED_BYTES_MAX} bytes`)
    throw new TrustError('malformed', 'the bundle is not a gzip file', { cause: error })
  }
  return unpackTar(tar, new Set([...FILES, SIGNATURES]))
}

async function checkSignature(files: ReadonlyMap<string, Uint8Array>, trust: TrustRoot): Promise<void> {
  if (!files.has(SIGNATURES)) throw new TrustError('unsigned', `the bundle has no ${SIGNATURES}`)
  const { signatures } = parsed(SIGNATURES, files, (value) => signaturesSchema.parse(value))
  const [token] = signatures
  if (token === undefined) throw new TrustError('unsigned', `${SIGNATURES} has no signature`)
  if (signatures.length > 1) throw new TrustError('malformed', `${SIGNATURES} has ${signatures.length} signatures, expected one`)
  const signed = signedFilesSchema.safeParse(verifyCompact(token, trust))
  if (!signed.success) throw new TrustError('malformed', 'the signature lists no files')
  const hashes = new Map(signed.data.files.map((file) => [file.name, file]))
  if (hashes.size !== signed.data.files.length) throw new TrustError('malformed', 'the signature lists a file twice')
  for (const name of hashes.keys()) {
    if (!files.has(name)) throw new TrustError('altered', `${name} is signed and missing from the bundle`)
  }
  for (const name of FILES) {
    const entry = hashes.get(name)
    if (entry === undefined) throw new TrustError('altered', `${name} is not signed`)
    if (entry.algorithm !== 'SHA-256')
      throw new TrustError('altered', `${name} is hashed with ${entry.algorithm}, only SHA-256 is accepted`)
    await nextTurn()
    if (parsedHash(name, fileOf(name, files)) !== entry.hash) throw new TrustError('altered', `${name} is not what was signed`)
  }
}

function fileOf(name: (typeof FILES)[number] | typeof SIGNATURES, files: ReadonlyMap<string, Uint8Array>): Uint8Array {
  const bytes = files.get(name)
  if (bytes === undefined) throw new TrustError('altered', `${name} is missing from the bundle`)
  return bytes
}

function parsedHash(name: string, bytes: Uint8Array): string {
  try {
    return fileHash(name, bytes)
  } catch (error) {
    throw new TrustError('malformed', `${name} cannot be hashed`, { cause: error })
  }
}

function parsed<T>(
  name: '.manifest' | 'data.json' | typeof SIGNATURES,
  files: ReadonlyMap<string, Uint8Array>,
  read: (value: unknown) => T,
): T {
  try {
    return read(parseJson(fileOf(name, files)))
  } catch (error) {
    if (error instanceof TrustError) throw error
    throw new TrustError('malformed', `${name} has not the expected shape`, { cause: error })
  }
}
