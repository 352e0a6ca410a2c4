import type { Signer } from '../model/ports.ts'
import { type Issuer, verifyDirectory } from '../policy/directory.ts'
import { type PublicJwk, parseTrustRoot } from '../policy/trust.ts'
import { directoryKey } from '../state/pointers.ts'
import type { Cell } from './cell.ts'

/** A signer that can show what it signs with. */
export interface PublicSigner extends Signer {
  readonly publicJwk: PublicJwk
}

/**
 * The issuers of the newest directory that any region still holds and that this control plane signed itself. What a
 * bucket says is believed no more here than in a gateway.
 * @returns none when no region answers, at the very first start, or when all directories have expired
 */
export async function lastKnownIssuers(
  cells: readonly Cell[],
  ring: string,
  signer: PublicSigner,
  nowMs: number,
): Promise<readonly Issuer[]> {
  const trust = parseTrustRoot({ keys: [signer.publicJwk] })
  const read = async (cell: Cell) => {
    const pointer = await cell.readPointer(ring)
    const bytes = pointer && (await cell.objects.get(directoryKey(pointer.directoryDigest)))
    return bytes && verifyDirectory(Buffer.from(bytes).toString(), { trust, zone: cell.zone, nowMs, minSeq: 0 })
  }
  const found = await Promise.allSettled(cells.map(read))
  const directories = found.flatMap((result) => (result.status === 'fulfilled' && result.value !== undefined ? [result.value] : []))
  const newest = directories.sort((one, other) => other.seq - one.seq)[0]
  return newest?.issuers ?? []
}
