import { createPrivateKey, createPublicKey, generateKeyPairSync, type KeyObject, randomUUID } from 'node:crypto'
import { link, mkdir, readFile, unlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { z } from 'zod'

/** A P-256 signing key of one region, as KMS would hold it under an alias. */
export interface StoredKey {
  /** With its prefix: `alias/...`. */
  alias: string
  /** UUID, stable over restarts. */
  keyId: string
  arn: string
  /** Milliseconds since the epoch. */
  createdAtMs: number
  privateKey: KeyObject
  publicKey: KeyObject
}

export interface KeyStoreOptions {
  /** Folder of this region's keys; made when missing, mode 0700. */
  keysDir: string
  region: string
  /** 12 digits, for ARNs. */
  account: string
  /** Each starts with `alias/`. */
  aliases: readonly string[]
}

/**
 * Reads the key of every alias, making those that don't exist. Safe to call from two processes at once: who is
 * second reads what the first made. Throws with the file's name when a file is not a key.
 */
export async function ensureKeys({ keysDir, region, account, aliases }: KeyStoreOptions): Promise<StoredKey[]> {
  await mkdir(keysDir, { recursive: true, mode: 0o700 })
  return Promise.all(
    aliases.map(async (alias) => {
      const path = join(keysDir, fileName(alias))
      const file = (await read(path)) ?? (await make(path, alias))
      if (file.alias !== alias)
        throw new Error(`${path}: holds the key of ${file.alias}, expected ${alias}; remove the file to have a new key made`)
      const privateKey = createPrivateKey(file.private_key)
      return {
        alias,
        keyId: file.key_id,
        arn: `arn:aws:kms:${region}:${account}:key/${file.key_id}`,
        createdAtMs: file.created_at_ms,
        privateKey,
        publicKey: createPublicKey(privateKey),
      }
    }),
  )
}

const keyFile = z.strictObject({ alias: z.string(), key_id: z.uuid(), created_at_ms: z.int(), private_key: z.string() })
type KeyFile = z.infer<typeof keyFile>

/** Percent-encoding leaves no separator and no leading dot, so no alias leaves the folder. */
function fileName(alias: string): string {
  if (!alias.startsWith('alias/') || alias.length > 200)
    throw new Error(`key alias ${JSON.stringify(alias)} does not start with alias/, or is longer than 200 characters`)
  return `${encodeURIComponent(alias.slice('alias/'.length)).replace(/^\./, '%2E')}.json`
}

async function read(path: string): Promise<KeyFile | undefined> {
  try {
    return keyFile.parse(JSON.parse(await readFile(path, 'utf8')))
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw new Error(`${path}: is not a key file; remove it to have a new key made`, { cause: error })
  }
}

async function make(path: string, alias: string): Promise<KeyFile> {
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const file: KeyFile = {
    alias,
    key_id: randomUUID(),
    created_at_ms: Date.now(),
    private_key: privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
  }
  const temporary = `${path}.${randomUUID()}.tmp`
  await writeFile(temporary, JSON.stringify(file), { mode: 0o600, flag: 'wx', flush: true })
  try {
    // A link fails when the name is taken, so a key that another process has just made is never replaced.
    await link(temporary, path)
    return file
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
    return keyFile.parse(JSON.parse(await readFile(path, 'utf8')))
  } finally {
    await unlink(temporary)
  }
}
