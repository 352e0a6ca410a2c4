import { afterEach, beforeEach, expect, test } from '@jest/globals'
import { resolveDeployment } from '../../../config/resolve.ts'
import type { HealthChange } from '../../../runtime/fabric/dns/checkers.ts'
import type { Topology } from '../../../runtime/fabric/topology/topology.ts'
import { startWorld, type World } from '../../../runtime/fabric/world.ts'
import { get, httpServer, type LocalServer } from './small-wan.ts'

// DNS, checkers and WAN together: a region is lost, and clients of its zone reach the standby by the same name.

const PRIMARY = 'eu-west-1'
const STANDBY = 'eu-central-1'
const deployment = resolveDeployment({
  name: 'aegis',
  domain: 'aegis.example',
  zones: { eu: { regions: [PRIMARY, STANDBY], primary: PRIMARY, standby: STANDBY } },
  homeRegion: PRIMARY,
  routingRegion: 'eu-north-1',
  environments: { test: { accounts: { control: '111111111111', workload: '222222222222' } } },
})
const origin = { stack: 's', logicalId: 'l', region: 'eu-north-1', account: '222222222222' }
// Half a second, compressed to 50 ms.
const intervalS = 0.5

/** As the stacks would synthesize it, but for the interval. `checked` false plants the fault. */
function topology({ checked }: { checked: boolean }): Topology {
  const routed = (region: string, role: 'PRIMARY' | 'SECONDARY') => ({
    name: 'eu.aegis.example',
    type: 'CNAME' as const,
    routing: { policy: 'failover' as const, role, setIdentifier: region },
    target: { values: [`${region}.aegis.example`], ttlS: 10 },
    ...(checked && { healthCheckId: `check-${region}` }),
    origin,
  })
  const regions = [PRIMARY, STANDBY]
  return {
    hostedZones: [{ name: 'aegis.example', origin }],
    allowedHosts: [],
    records: [
      routed(PRIMARY, 'PRIMARY'),
      routed(STANDBY, 'SECONDARY'),
      ...regions.map((region) => ({
        name: `${region}.aegis.example`,
        type: 'A' as const,
        routing: { policy: 'simple' as const },
        target: { loadBalancer: `lb-${region}`, evaluateTargetHealth: true },
        origin,
      })),
    ],
    healthChecks: regions.map((region) => ({
      id: `check-${region}`,
      protocol: 'HTTPS',
      fqdn: `${region}.aegis.example`,
      port: 443,
      path: '/health/region',
      intervalS,
      failureThreshold: 3,
      origin,
    })),
    loadBalancers: regions.map((region) => ({
      id: `lb-${region}`,
      dnsName: `lb-${region}`,
      region,
      internal: false,
      targetCheck: { path: '/health/live', intervalS, timeoutS: 5, healthyThreshold: 2, unhealthyThreshold: 2 },
      origin,
    })),
    tables: [],
    buckets: [],
    keys: [],
    secrets: [],
    roles: [],
    cells: regions.map((region) => ({
      region,
      zone: 'eu',
      account: '222222222222',
      environment: {},
      secrets: {},
      tableRights: [],
      port: 8080,
      loadBalancer: `lb-${region}`,
    })),
  }
}

let gateways: Map<string, LocalServer>
let world: World
beforeEach(async () => {
  gateways = new Map()
  for (const region of [PRIMARY, STANDBY]) gateways.set(region, await gateway(region))
})
afterEach(async () => {
  await world.close()
  for (const each of gateways.values()) await each.close()
})

const gateway = (region: string) => httpServer((req, res) => res.end(req.url?.startsWith('/health/') ? 'ok' : region))

async function start(checked = true): Promise<void> {
  world = await startWorld({
    topology: topology({ checked }),
    deployment,
    profile: 'compressed',
    gatewayPort: (region) => gateways.get(region)?.port,
  })
}

const waitMs = (ms: number) => new Promise((wake) => setTimeout(wake, ms))
const ask = (place = 'eu') => get(world.wanPorts[place] as number, 'http://eu.aegis.example/')

function change(wanted: Partial<HealthChange>): Promise<HealthChange> {
  return new Promise((resolve) => {
    const unsubscribe = world.onHealthChange((seen) => {
      if (!Object.entries(wanted).every(([key, value]) => seen[key as keyof HealthChange] === value)) return
      unsubscribe()
      resolve(seen)
    })
  })
}

/** Asks until the answer is as wanted: resolvers keep an answer for its TTL, so it takes a second at least. */
async function askUntil(wanted: string): Promise<void> {
  for (;;) {
    const reply = await ask().catch(() => undefined)
    if (reply?.body === wanted) return
    await new Promise((wake) => setTimeout(wake, 50))
  }
}

test('a killed primary is detected, the zone name moves to the standby, and back when the gateway runs again', async () => {
  await start()
  expect((await ask()).body).toBe(PRIMARY)
  gateways.get(PRIMARY)?.kill()
  await change({ kind: 'check', region: PRIMARY, healthy: false })
  await askUntil(STANDBY)
  const again = await gateway(PRIMARY)
  gateways.set(PRIMARY, again)
  await change({ kind: 'check', region: PRIMARY, healthy: true })
  await askUntil(PRIMARY)
})

test('a planted record without a health check keeps answering the dead region', async () => {
  await start(false)
  gateways.get(PRIMARY)?.kill()
  await change({ kind: 'loadBalancer', region: PRIMARY, healthy: false })
  world.flushDns()
  expect((await ask()).status).toBe(502)
  expect(world.health().checks.find(({ region }) => region === STANDBY)?.healthy).toBe(true)
})

test('a region cut off from the world is unhealthy to the checkers, and healthy to its own balancer', async () => {
  await start()
  world.isolate(PRIMARY, 'reset')
  await change({ kind: 'check', region: PRIMARY, healthy: false })
  expect(world.health().loadBalancers.find(({ region }) => region === PRIMARY)?.healthy).toBe(true)
  world.flushDns()
  expect((await ask()).body).toBe(STANDBY)
  world.restore()
  await change({ kind: 'check', region: PRIMARY, healthy: true })
})

test('regions that are cut off from one another still serve whoever reaches them, until all is mended', async () => {
  await start()
  world.setTarget('44.128.1.20', 80, gateways.get(PRIMARY)?.port, PRIMARY)
  world.setTarget('44.128.2.20', 80, gateways.get(STANDBY)?.port, STANDBY)
  const asked = (place: string, address: string) => get(world.wanPorts[place] as number, `http://${address}/`).then(({ body }) => body)
  // Silence is told by time alone, so only that has a limit: on a busy machine an answer may take longer.
  const silent = async (place: string, address: string) =>
    (await Promise.race([asked(place, address).catch(() => 'failed'), waitMs(300).then(() => 'nothing')])) === 'nothing'
  world.cut([[PRIMARY, STANDBY]], [])
  expect([await silent(PRIMARY, '44.128.2.20'), await silent(STANDBY, '44.128.1.20')]).toEqual([true, true])
  expect([await asked('eu', '44.128.1.20'), await asked('eu', '44.128.2.20')]).toEqual([PRIMARY, STANDBY])
  world.cut([], [STANDBY])
  expect(await silent('eu', '44.128.2.20')).toBe(true)
  world.cut([], [])
  expect([await asked(PRIMARY, '44.128.2.20'), await asked('eu', '44.128.2.20')]).toEqual([STANDBY, STANDBY])
})

test('targets can be moved and taken away, and a new one needs its region', async () => {
  await start()
  const port = world.wanPorts.eu as number
  world.setTarget('44.128.2.20', 80, gateways.get(STANDBY)?.port, STANDBY)
  expect((await get(port, 'http://44.128.2.20/')).body).toBe(STANDBY)
  world.setTarget('44.128.2.20', 80, undefined)
  expect((await get(port, 'http://44.128.2.20/')).headers['aegis-wan']).toBe('refused')
  expect(() => world.setTarget('44.128.2.21', 80, 1)).toThrow('a new address needs its region')
})

test('refuses to start on a taken port, and leaves nothing behind', async () => {
  await start()
  const taken = {
    topology: topology({ checked: true }),
    deployment,
    profile: 'compressed' as const,
    gatewayPort: () => undefined,
    ports: { wan: { eu: world.wanPorts.eu as number } },
  }
  await expect(startWorld(taken)).rejects.toThrow('wan: cannot listen on 127.0.0.1:')
})
