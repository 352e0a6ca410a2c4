import { createHash } from 'node:crypto'

const LEAF_PREFIX = Buffer.from([0x00])

/** Hash of one Merkle tree leaf: SHA-256(0x00 || entry), RFC 9162, section 2.1.1. @returns lower case hex */
export function leafHash(entry: string): string {
  return createHash('sha256').update(LEAF_PREFIX).update(entry).digest('hex')
}
