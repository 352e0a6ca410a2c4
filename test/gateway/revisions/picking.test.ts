import fc from 'fast-check'
import type { ActivePolicy } from '../../../runtime/gateway/active-policy.ts'
import { createPicking, placeIn } from '../../../runtime/gateway/revisions/picking.ts'

const HOUR_MS = 3_600_000
const inForce = { revision: 'in-force', notAfterMs: HOUR_MS } as ActivePolicy
const beside = { revision: 'beside', notAfterMs: HOUR_MS } as ActivePolicy
const clock = { now: () => 0 }
const candidate = (sharePercent: number, rollout = 'r-1', policy = beside) => ({ rollout, sharePercent, compare: false, policy })
const agents = Array.from({ length: 10_000 }, (_, i) => `agent-${i}`)
const pickedOf = (share: number, rollout?: string) => {
  const { policyFor } = createPicking(clock)
  return new Set(agents.filter((agent) => policyFor(agent, inForce, candidate(share, rollout)) === beside))
}

test('a share of nothing picks nobody, and all of it everybody', () => {
  expect(pickedOf(0).size).toBe(0)
  expect(pickedOf(100).size).toBe(agents.length)
  expect(createPicking(clock).policyFor('agent', inForce, undefined)).toBe(inForce)
})

test('a share picks about so many of a hundred', () => {
  for (const share of [1, 10, 50, 90]) expect(Math.abs(pickedOf(share).size / 100 - share)).toBeLessThan(1.5)
})

test('whoever is in a share is in every larger one, in every process alike', () => {
  fc.assert(
    fc.property(fc.string(), fc.uuid(), fc.nat(100), fc.nat(100), (agent, rollout, one, other) => {
      const [smaller, larger] = [Math.min(one, other), Math.max(one, other)]
      const picks = (share: number) => createPicking(clock).policyFor(agent, inForce, candidate(share, rollout)) === beside
      expect(picks(smaller) && !picks(larger)).toBe(false)
    }),
  )
})

test('stays with its pick while thousands of other agents call', () => {
  const { policyFor } = createPicking(clock)
  const first = agents.map((agent) => policyFor(agent, inForce, candidate(50)))
  for (let i = 0; i < 20_000; i++) policyFor(`stranger-${i}`, inForce, candidate(50))
  expect(agents.map((agent) => policyFor(agent, inForce, candidate(50)))).toEqual(first)
})

test('another rollout begins with other agents', () => {
  const [one, other] = [pickedOf(10, 'r-1'), pickedOf(10, 'r-2')]
  const both = [...one].filter((agent) => other.has(agent))
  expect(both.length).toBeLessThan(one.size / 4)
  expect(placeIn('r-1', 'agent')).toBe(placeIn('r-1', 'agent'))
})

test('a candidate that has expired decides nothing', () => {
  const late = { now: () => HOUR_MS }
  expect(createPicking(late).policyFor('agent', inForce, candidate(100))).toBe(inForce)
})
