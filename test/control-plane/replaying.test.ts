import { expect, test } from '@jest/globals'
import { createReplaying } from '../../runtime/control-plane/replaying.ts'
import { verifyBundle } from '../../runtime/policy/bundle.ts'
import { bundleKey } from '../../runtime/state/pointers.ts'
import { pointerOf } from './seen.ts'
import { demoSources, sourcesWithLimit, testPlane } from './test-plane.ts'

test('what is signed only to be replayed can be activated nowhere, from the first publication on', async () => {
  const plane = await testPlane()
  await plane.publish(demoSources())
  const { releases, shelf, directory } = plane.plane
  const replaying = createReplaying({
    ...{ cells: plane.cells, releases, shelf },
    directory: async () => directory.current().state,
    clock: { now: () => plane.nowMs, monotonic: () => plane.nowMs },
  })
  await replaying.order({ revision: await plane.register(sourcesWithLimit(9_000_000)), sinceMs: 0, limit: 10, regions: undefined })
  for (const { region, zone, bucket, orders } of plane.cells) {
    const bytes = bucket.get(bundleKey(orders[0]?.bundleDigest ?? '')) ?? new Uint8Array()
    // A gateway of the region has seen what it serves.
    const expected = { trust: plane.trust, zone, nowMs: plane.nowMs, minSeq: pointerOf(plane, region).bundleSeq }
    await expect(verifyBundle(bytes, expected)).rejects.toMatchObject({ code: 'rolled_back' })
    await expect(verifyBundle(bytes, { ...expected, minSeq: 0 })).resolves.toBeDefined()
  }
})
