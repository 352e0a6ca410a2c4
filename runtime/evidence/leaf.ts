import { hash } from 'node:crypto'

/** Hash of one Merkle tree leaf: SHA-256(0x00 || entry), RFC 9162, section 2.1.1. @returns lower case hex */
export function leafHash(entry: string): string {
  return hash('sha256', `\0${entry}`, 'hex')
}
