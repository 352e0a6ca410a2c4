import type { ObjectStore } from '../model/ports.ts'
import { type ActiveBundle, verifyBundle } from '../policy/bundle.ts'
import { TrustError, type TrustRoot } from '../policy/trust.ts'
import { bundleKey } from '../state/pointers.ts'

export interface StoredBundles {
  /** This region's bucket. */
  objects: Pick<ObjectStore, 'get'>
  trust: TrustRoot
  zone: string
}

/**
 * A bundle of this region's bucket, verified but for one thing: it may have a lower sequence number than the one in force. It is looked at,
 * and nothing here can make it decide a call.
 *
 * @param atMs the time at which it has to be valid
 * @throws TrustError when it is not to be believed; Error when it is not there, or the bucket does not answer
 */
export async function storedBundle(digest: string, atMs: number, { objects, trust, zone }: StoredBundles): Promise<ActiveBundle> {
  const bytes = await objects.get(bundleKey(digest))
  if (bytes === undefined) throw new Error(`the bundle ${digest} is not in this region's bucket`)
  const bundle = await verifyBundle(bytes, { trust, zone, nowMs: atMs, minSeq: 0 })
  if (bundle.digest !== digest) throw new TrustError('altered', 'the bucket holds another object than its key says')
  return bundle
}
