import { afterEach, expect, test } from '@jest/globals'
import { CHECKER_LOCATIONS, type Checkers, type HealthChange, startCheckers } from '../../../runtime/fabric/dns/checkers.ts'
import type { HealthCheck, LoadBalancer } from '../../../runtime/fabric/topology/topology.ts'

const origin = { stack: 's', logicalId: 'l', region: 'eu-west-1', account: '2' }
const check: HealthCheck = {
  id: 'check',
  protocol: 'HTTPS',
  fqdn: 'eu-west-1.aegis.example',
  port: 443,
  path: '/health/region',
  // Compressed, an interval of 20 ms: short for a test, and the driver does not care.
  intervalS: 0.2,
  failureThreshold: 3,
  origin,
}
const balancer: LoadBalancer = {
  id: 'lb',
  dnsName: 'lb',
  region: 'eu-west-1',
  internal: false,
  targetCheck: { path: '/health/live', intervalS: 0.2, timeoutS: 5, healthyThreshold: 2, unhealthyThreshold: 2 },
  origin,
}

let checkers: Checkers | undefined
afterEach(() => checkers?.close())

function start(probe: (from: string, path: string) => boolean) {
  checkers = startCheckers({
    healthChecks: [check],
    loadBalancers: [balancer],
    profile: 'compressed',
    probe: async ({ path }, from) => probe(from, path),
    regionOf: (fqdn) => fqdn.split('.')[0],
  })
  return checkers
}

function nextChange(of: Checkers, wanted: (change: HealthChange) => boolean): Promise<HealthChange> {
  return new Promise((resolve) => {
    const unsubscribe = of.onChange((change) => {
      if (!wanted(change)) return
      unsubscribe()
      resolve(change)
    })
  })
}

test('every location probes, and an endpoint that fails becomes unhealthy and recovers, with times in order', async () => {
  let up = true
  const asked = new Set<string>()
  const started = start((from) => {
    asked.add(from)
    return up
  })
  expect(started.health().failedChecks.size).toBe(0)
  up = false
  const down = await nextChange(started, ({ kind }) => kind === 'check')
  expect(down).toMatchObject({ id: 'check', region: 'eu-west-1', healthy: false })
  expect([...started.health().failedChecks]).toEqual(['check'])
  expect(asked).toEqual(new Set([...CHECKER_LOCATIONS]))
  up = true
  const back = await nextChange(started, ({ kind }) => kind === 'check')
  expect(back.healthy).toBe(true)
  expect(back.atMs).toBeGreaterThan(down.atMs)
  expect(started.snapshot().checks[0]).toMatchObject({ healthy: true, sinceMs: back.atMs })
})

test('a region that only its own checker still reaches is unhealthy, while its balancer sees its target', async () => {
  const started = start((from) => from === 'eu-west-1')
  const down = await nextChange(started, () => true)
  expect(down).toMatchObject({ kind: 'check', healthy: false })
  expect(started.snapshot().checks[0]?.locations['eu-west-1']).toBe(true)
  expect(started.health().failedBalancers.size).toBe(0)
})

test('a balancer whose target fails liveness is unhealthy by its own thresholds', async () => {
  const started = start((_from, path) => path !== '/health/live')
  expect(await nextChange(started, () => true)).toMatchObject({ kind: 'loadBalancer', id: 'lb', healthy: false })
})
