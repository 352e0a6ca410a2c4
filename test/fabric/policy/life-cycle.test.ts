import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { callGateway } from '../../../runtime/cli/fabric-client.ts'
import { demoSources, sourcesWithLimit } from '../../control-plane/test-plane.ts'
import { planeStatus, publishSources, rolloutEnd } from '../../support/running-plane.ts'
import { type ChildFabric, startChildFabric } from '../enforcement/child-fabric.ts'

// The promises of the policy life cycle in a running fabric: a new limit reaches every region of its zone while no call fails, a bad policy
// is taken back by itself, and regions go on without a control plane. The tests build on one another, in their order.

const START_MS = 180_000
const EU = ['eu-west-1', 'eu-central-1']

let running: ChildFabric
beforeAll(async () => {
  running = await startChildFabric('--regions', 'eu-west-1,eu-central-1,us-east-1', '--no-traffic')
}, START_MS)
afterAll(() => running?.stop(), 30_000)

const sleep = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms))

interface Answer {
  status: number
  decision: string | undefined
  revision: string | undefined
}

/** finance-agent pays so much, as row 1 and 2 of the demo table. */
async function pay(region: string, amount: number): Promise<Answer> {
  const { fabric } = running
  const args = { amount, currency: 'eur', recipient: 'supplier-7' }
  const body = JSON.stringify({ tool: 'stripe-payments', action: 'create_payment', arguments: args })
  const { status, text } = await callGateway(fabric, {
    entrance: { region },
    path: '/v1/decisions',
    token: fabric.demo_tokens['finance-agent'] ?? '',
    body,
  })
  const answer = JSON.parse(text) as { decision?: string; policy_version?: string }
  return { status, decision: answer.decision, revision: answer.policy_version }
}

/** Pays in both regions without a pause, until it is stopped. */
function load(amount: number) {
  const seen: Answer[] = []
  let stopped = false
  const lane = async (region: string) => {
    while (!stopped) {
      seen.push(await pay(region, amount).catch((error: Error) => ({ status: 0, decision: error.message, revision: undefined })))
      await sleep(5)
    }
  }
  const lanes = Promise.all(EU.map(lane))
  return {
    seen,
    async stop() {
      stopped = true
      await lanes
    },
  }
}

async function limitIn(region: string, amount: number): Promise<boolean> {
  return (await pay(region, amount)).decision === 'allow'
}

test('a higher limit is in force in every region of its zone, and no call fails on the way', async () => {
  for (const region of EU) expect(await limitIn(region, 700_000)).toBe(false)
  const under = load(420_000)
  const revision = await publishSources(running.fabric, sourcesWithLimit(800_000))
  expect(await rolloutEnd(running.fabric, revision)).toMatchObject({ state: 'completed', why: null })
  await under.stop()
  for (const region of EU) expect(await limitIn(region, 700_000)).toBe(true)
  expect(under.seen.filter(({ status, decision }) => status !== 200 || decision !== 'allow')).toEqual([])
  // Both revisions have decided calls meanwhile, each of them whole.
  expect(new Set(under.seen.map((one) => one.revision)).size).toBe(2)
}, 60_000)

test('a policy that denies what was allowed is taken back in the canary by itself, and says why', async () => {
  const before = (await planeStatus(running.fabric)).revision
  const under = load(420_000)
  // So that there is something to see: the bake time of the demo is half a second.
  await sleep(500)
  const path = 'documents/agents/finance-agent.yaml'
  const sources = demoSources()
  const bad = new Map([...sources, [path, (sources.get(path) ?? '').replace('prefix: supplier-', 'prefix: nobody-')]])
  const revision = await publishSources(running.fabric, bad)
  const ended = await rolloutEnd(running.fabric, revision)
  await under.stop()
  expect(ended).toMatchObject({ state: 'aborted' })
  expect(ended.why).toMatch(/^eu-west-1: \d+ of \d+ compared calls would newly be denied .* rules parameter_not_allowed/)
  expect((await planeStatus(running.fabric)).revision).toBe(before)
  // What the canary enforced for its share is all that it ever did.
  const central = await pay('eu-central-1', 420_000)
  expect([central.decision, central.revision]).toEqual(['allow', before])
  for (let tries = 0; !(await planeStatus(running.fabric)).converged; tries++) {
    expect(tries).toBeLessThan(200)
    await sleep(100)
  }
  expect(await limitIn('eu-west-1', 700_000)).toBe(true)
}, 60_000)

test('refuses what does not compile in plain lines, and nothing is rolled out', async () => {
  const path = 'documents/agents/finance-agent.yaml'
  const broken = new Map([...demoSources(), [path, 'agent: finance-agent\ntenant: acme-eu\nallowed_toolz: {}\n']])
  await expect(publishSources(running.fabric, broken)).rejects.toThrow(/finance-agent.yaml:3:1: .*unknown key/)
  expect((await planeStatus(running.fabric)).rollout).toBeNull()
})

test('refuses a tool at a host that the deployed network does not let out, naming the stack to deploy', async () => {
  const path = 'documents/tools.yaml'
  const sources = demoSources()
  const text = (sources.get(path) ?? '').replace('https://crm.eu-west-1.tools.aegis.example', 'https://crm.new.example')
  await expect(publishSources(running.fabric, new Map([...sources, [path, text]]))).rejects.toThrow(
    /crm\.new\.example.*aegis-prod-network-eu-west-1/s,
  )
})

test('without a control plane everything decides on, also a region that starts anew', async () => {
  const { fabric } = running
  const before = (await pay('eu-west-1', 420_000)).revision
  await fabric.control('POST', '/faults/kill', { region: 'control-plane' })
  for (const region of EU) expect(await limitIn(region, 700_000)).toBe(true)
  await fabric.control('POST', '/faults/kill', { region: 'eu-west-1' })
  await fabric.control('POST', '/faults/restore', { region: 'eu-west-1' })
  expect(await pay('eu-west-1', 420_000)).toEqual({ status: 200, decision: 'allow', revision: before })
  await fabric.control('POST', '/faults/restore', { region: 'control-plane' })
}, 120_000)
