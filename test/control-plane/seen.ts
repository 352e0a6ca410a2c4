import { verifyBundle } from '../../runtime/policy/bundle.ts'
import { verifyDirectory } from '../../runtime/policy/directory.ts'
import { bundleKey, directoryKey, type Pointer } from '../../runtime/state/pointers.ts'
import type { TestPlane } from './test-plane.ts'

// What regions have been told, as their gateways would read it.

export function pointerOf(test: TestPlane, region: string): Pointer {
  return test.cell(region).pointers.get(`${region} stable`) as Pointer
}

export function directoryAt(test: TestPlane, region: string) {
  const { bucket, zone } = test.cell(region)
  const jws = Buffer.from(bucket.get(directoryKey(pointerOf(test, region).directoryDigest)) ?? []).toString()
  return verifyDirectory(jws, { trust: test.trust, zone, nowMs: test.nowMs, minSeq: 0 })
}

export function bundleAt(test: TestPlane, region: string) {
  const { bucket, zone } = test.cell(region)
  const bytes = bucket.get(bundleKey(pointerOf(test, region).bundleDigest)) ?? new Uint8Array()
  return verifyBundle(bytes, { trust: test.trust, zone, nowMs: test.nowMs, minSeq: 0 })
}

/** Key ids of a region's issuer, as another region's directory has them. */
export function kidsOf(test: TestPlane, region: string, seenAt: string): string[] | undefined {
  return directoryAt(test, seenAt)
    .issuers.find((one) => one.region === region)
    ?.keys.map(({ kid }) => kid)
}

/** The amount up to which finance-agent pays alone, by a region's bundle. */
export async function limitAt(test: TestPlane, region: string): Promise<number> {
  const { agents } = await bundleAt(test, region)
  const policy = JSON.parse(agents.get('finance-agent')?.policyJson ?? '{}')
  return policy.tools['stripe-payments'].create_payment.amount.limits.eur.max
}
