import { expect, test } from '@jest/globals'
import { deployment as input } from '../../../config/deployment.ts'
import { resolveDeployment } from '../../../config/resolve.ts'
import { operatorTokens } from '../../../runtime/fabric/identity/operators.ts'
import { fabricFile } from '../../../runtime/fabric/supervisor/fabric-file.ts'
import { type FabricOptions, planFabric } from '../../../runtime/fabric/supervisor/plan.ts'
import { ports } from '../../../runtime/fabric/supervisor/ports.ts'
import { UsageError } from '../../../runtime/fabric/supervisor/usage-error.ts'

const deployment = resolveDeployment(input)
const loopback = (ports: Record<string, number>) => `http://127.0.0.1:${ports['us-east-1']}`
const OPTIONS: FabricOptions = { stateDir: '/nowhere', profile: 'compressed', traffic: false, reset: false }

test('every listener has a port of its own, lost regions keep their place on the map', async () => {
  const { served, ports: planned } = await planFabric(deployment, { ...OPTIONS, regions: ['eu-west-1', 'us-east-1'] })
  expect(served).toEqual([
    { region: 'eu-west-1', zone: 'eu' },
    { region: 'us-east-1', zone: 'us' },
  ])
  expect(Object.keys(planned.gateway)).toEqual(['eu-west-1', 'us-east-1'])
  expect(Object.keys(planned.wan)).toEqual(['eu', 'us', 'apac', 'eu-west-1', 'eu-central-1', 'us-east-1', 'ap-southeast-1'])
  const all = Object.values(planned).flatMap((port) => (typeof port === 'number' ? [port] : Object.values(port)))
  expect(new Set(all).size).toBe(all.length)
})

test('a port base decides them all', async () => {
  const portBase = await ports().next()
  const { ports: planned } = await planFabric(deployment, { ...OPTIONS, portBase })
  expect([planned.control, planned.controlPlane, planned.dns, planned.gateway['eu-west-1']]).toEqual(
    [0, 1, 2, 3].map((at) => portBase + at),
  )
})

test.each([[['eu-west-9']], [[]]])('refuses regions %j', async (regions) => {
  await expect(planFabric(deployment, { ...OPTIONS, regions })).rejects.toBeInstanceOf(UsageError)
})

test('fabric.json names what runs in the shape of the contract', async () => {
  const plan = await planFabric(deployment, { ...OPTIONS, regions: ['us-east-1'] })
  const file = fabricFile(deployment, plan, 'compressed', {
    demo_tokens: { 'ops-agent': 'a.b.c' },
    ...operatorTokens({ issue: ({ sub }) => sub }, ['globex-us']),
  })
  expect(file).toMatchObject({
    dns: `127.0.0.1:${plan.ports.dns}`,
    profile: 'compressed',
    names: { global: 'http://global.aegis.example', eu: 'http://eu.aegis.example', us: 'http://us.aegis.example' },
    regions: [{ region: 'us-east-1', zone: 'us', gateway: loopback(plan.ports.gateway), operator: loopback(plan.ports.operator) }],
    demo_tokens: { 'ops-agent': 'a.b.c' },
    approver_tokens: { 'globex-us': { approver: 'approver@globex-us', second: 'second@globex-us', dpo: 'dpo@globex-us' } },
    operator_tokens: {
      viewer: 'viewer@operators',
      author: 'author@operators',
      publisher: 'publisher@operators',
      killer: 'killer@operators',
      failover: 'failover@operators',
    },
  })
  expect(file.wan.apac).toMatch(/^http:\/\/127\.0\.0\.1:\d+$/)
})
