import { expect, test } from '@jest/globals'
import { type EndpointState, isEndpointHealthy, newEndpoint, observe } from '../../../runtime/fabric/dns/health.ts'

const RULES = { failures: 3, successes: 3, intervalMs: 1000 }
const EIGHT = ['a', 'b', 'c', 'd', 'e', 'f', 'g', 'h']

/** Results of one location, an interval apart: `-` failed, `+` passed. */
function after(results: string, locations: string[], state: EndpointState = newEndpoint(locations), from = 0): EndpointState {
  return [...results].reduce((current, result, index) => {
    const probe = from + index
    return locations.reduce((each, location) => observe(each, { location, probe, ok: result === '+', atMs: probe * 1000 }, RULES), current)
  }, state)
}

test.each([
  ['', true],
  ['--', true],
  ['---', false],
  ['--+--', true],
  ['--+---', false],
  ['---++', false],
  ['---+++', true],
  ['---++-+++', true],
  ['---++-++', false],
])('one location, results %j: healthy is %j', (results, healthy) => {
  expect(isEndpointHealthy(after(results, ['a']))).toBe(healthy)
})

test.each([
  [7, false],
  [6, true],
])('healthy while more than 18 %% say so: %i of 8 fail', (count, healthy) => {
  const failing = EIGHT.slice(0, count)
  const state = after('---', failing, newEndpoint(EIGHT))
  expect(isEndpointHealthy(state)).toBe(healthy)
})

test('a result that comes after that of a later probe says nothing about now', () => {
  const recovered = after('---+++', ['a'])
  const late = observe(recovered, { location: 'a', probe: 2, ok: false, atMs: 9000 }, RULES)
  expect(late).toBe(recovered)
})

test('probes that hung together and pass together count once: a link that heals does not skip the threshold', () => {
  const down = after('---', ['a'])
  const burst = [3, 4, 5, 6].reduce((state, probe) => observe(state, { location: 'a', probe, ok: true, atMs: 7000 + probe }, RULES), down)
  expect(isEndpointHealthy(burst)).toBe(false)
  const later = [7, 8].reduce((state, probe) => observe(state, { location: 'a', probe, ok: true, atMs: 1000 * probe + 1000 }, RULES), burst)
  expect(isEndpointHealthy(later)).toBe(true)
})

test('refuses to count a location that the check does not have', () => {
  const state = newEndpoint(['a'])
  expect(observe(state, { location: 'z', probe: 0, ok: false, atMs: 0 }, RULES)).toBe(state)
})
