import { beforeEach, describe, expect, test } from '@jest/globals'
import { testKey } from '../support/policy.ts'
import { limitAt } from './seen.ts'
import { demoSources, sourcesWithLimit, type TestPlane, testPlane } from './test-plane.ts'

let one: TestPlane
let other: TestPlane
beforeEach(async () => {
  one = await testPlane()
  await one.publish(demoSources())
  other = await testPlane({}, one)
})

describe('two processes over one store', () => {
  test('bring a rollout to its end, though each hears of the other late, and sign nothing anew for it', async () => {
    const revision = await one.publish(sourcesWithLimit(800_000))
    for (let rounds = 0; rounds < 30 && one.plane.kernel.state().rollout !== null; rounds++) await bothLater(300)
    expect(one.plane.kernel.state()).toMatchObject({ rollout: null, active: { revision }, lastRollout: { state: 'completed' } })
    expect(await limitAt(one, 'eu-west-1')).toBe(800_000)
    expect((await kinds()).filter((kind) => kind === 'renewed')).toEqual([])
  })

  test('agree on the directories when a token key is rotated: one signs, and neither signs it over', async () => {
    one.cell('us-east-1').key = testKey('token-us-next').jwk
    for (let rounds = 0; rounds < 10; rounds++) await bothLater(1000)
    const before = (await kinds()).length
    for (let rounds = 0; rounds < 10; rounds++) await bothLater(1000)
    expect((await kinds()).slice(before)).toEqual([])
  })

  test('agree after a change of the directory', async () => {
    const { version } = other.plane.directory.current()
    const change = { kind: 'put_budget', id: 'treasury-agent', fields: { amount: 7000, reason: 'a test' } } as const
    await other.plane.directory.change({ expects: version, change, by: { iss: '', sub: 'ana' }, reason: 'a test' })
    for (let rounds = 0; rounds < 10; rounds++) await bothLater(1000)
    const before = (await kinds()).length
    for (let rounds = 0; rounds < 10; rounds++) await bothLater(1000)
    expect((await kinds()).slice(before)).toEqual([])
    expect(await kinds()).not.toContain('renewed')
  })
})

const kinds = async () => (await one.plane.ledger.read(0, 500)).map(({ kind }) => kind)

/** Each does a round of its own, and hears of the other only in every fourth round. */
let round = 0
async function bothLater(ms: number) {
  round++
  for (const process of [one, other]) {
    process.nowMs += ms
    if (round % 4 === 0) await process.plane.kernel.catchUp()
    await process.plane.settle()
  }
}
