import { randomBytes } from 'node:crypto'
import { existsSync, readFileSync } from 'node:fs'
import { writePrivately } from './files.ts'

const SECRET_BYTES = 48

/**
 * A secret of the fabric: made at the first start, for its owner alone to read, and the same ever after.
 * @returns 64 characters of base64
 * @throws Error when the file is there but holds no such secret
 */
export function ensureSecret(path: string): string {
  if (!existsSync(path)) writePrivately(path, randomBytes(SECRET_BYTES).toString('base64'))
  const secret = readFileSync(path, 'utf8')
  if (Buffer.from(secret, 'base64').length !== SECRET_BYTES)
    throw new Error(`${path}: is not a secret of this fabric; remove it to have a new one made`)
  return secret
}
