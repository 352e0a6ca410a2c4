import { afterEach, beforeEach, expect, test } from '@jest/globals'
import { opaShelf } from '../../runtime/control-plane/opa-shelf.ts'
import { demoSources, sourcesWithLimit, type TestPlane, testPlane } from './test-plane.ts'

let plane: TestPlane
let shelf: ReturnType<typeof opaShelf>
beforeEach(async () => {
  plane = await testPlane()
  await plane.publish(demoSources())
  shelf = opaShelf(plane.plane, (event) => plane.log.push(event as Record<string, unknown>))
})
afterEach(() => shelf.close())

/** What is shown follows the ledger a little later. */
const shown = async (ring: string) => {
  await new Promise((resolve) => setTimeout(resolve, 20))
  return shelf.current('eu', ring)?.revision
}
const active = () => plane.plane.kernel.state().active?.revision

test('ring canary gets a revision when its canary begins, and the old one back when it is aborted', async () => {
  const revision = await plane.publish(sourcesWithLimit(800_000))
  expect([await shown('stable'), await shown('canary')]).toEqual([active(), revision])
  await plane.plane.publishing.abort('ben', 'no good')
  expect([await shown('stable'), await shown('canary')]).toEqual([active(), active()])
})

test('refuses ring canary what a replay or its shadow may still keep back', async () => {
  await plane.publish(sourcesWithLimit(800_000), { replay: { noNewDeniesAbove: 0, sinceMs: 0 }, shadowS: 1 })
  expect(await shown('canary')).toBe(active())
  for (const cell of plane.cells) cell.replays.set(cell.orders[0]?.id ?? '', answerOf(cell.region, cell.orders[0]?.id ?? ''))
  await plane.plane.settle()
  await plane.plane.settle()
  expect(plane.plane.kernel.state().rollout?.at).toBe(1)
  expect(await shown('canary')).toBe(active())
})

function answerOf(region: string, id: string) {
  const none = { replayed: 5, unanswerable: 0, newDenies: 0, newApprovals: 0, loosened: 0, tookMs: 1 }
  return { id, region, error: null, ...none, changes: {}, rules: {}, tools: {}, tenants: {}, decisionIds: {} }
}
