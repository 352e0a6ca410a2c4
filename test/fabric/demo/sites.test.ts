import { expect, test } from '@jest/globals'
import ipaddr from 'ipaddr.js'
import { deployment as input } from '../../../config/deployment.ts'
import { resolveDeployment } from '../../../config/resolve.ts'
import { demoCallers } from '../../../runtime/fabric/demo/callers.ts'
import { fixtureZones, hostileZones } from '../../../runtime/fabric/demo/fixtures.ts'
import { sitesOf } from '../../../runtime/fabric/demo/sites.ts'
import { loadDocuments } from '../../../runtime/policy/documents.ts'

const deployment = resolveDeployment(input)
const zones = { eu: ['eu-west-1', 'eu-central-1'], us: ['us-east-1'] }
const tool = (endpoints: Record<string, string>) => ({ endpoints, credential_ref: null, actions: {} })

test('a site for each endpoint, in the region that it serves', () => {
  const sites = sitesOf({
    tools: { crm: tool({ 'eu-west-1': 'https://crm.eu.example', 'us-east-1': 'https://crm.us.example:8443/base' }) },
    egress: [],
    zones,
    elsewhere: 'us-east-1',
  })
  expect(sites).toEqual([
    { host: 'crm.eu.example', port: 443, region: 'eu-west-1', tool: 'crm' },
    { host: 'crm.us.example', port: 8443, region: 'us-east-1', tool: 'crm' },
  ])
})

test('a site for each egress host, in its zone, else elsewhere; named twice it is one', () => {
  const egress = [{ host: 'partner.example', zone: 'eu' }, { host: 'world.example' }, { host: 'partner.example', zone: 'eu' }]
  const sites = sitesOf({ tools: {}, egress, zones, elsewhere: 'us-east-1' })
  expect(sites).toEqual([
    { host: 'partner.example', port: 443, region: 'eu-west-1' },
    { host: 'world.example', port: 443, region: 'us-east-1' },
  ])
})

test('each host has its address, and TTL', () => {
  const zone = fixtureZones([{ host: 'crm.example', port: 443, region: 'eu-west-1' }], () => '44.128.1.20')[0]
  expect(zone).toEqual({ name: 'crm.example', records: [{ name: 'crm.example', type: 'A', ttlS: 60, values: ['44.128.1.20'] }] })
})

test('every hostile name but the bait leads to an address that is not public', () => {
  const records = hostileZones('44.128.1.20').flatMap((zone) => zone.records)
  const values = (record: (typeof records)[number]) => ('values' in record ? record.values : record.alternating.flat())
  const addresses = records.filter(({ type, name }) => type !== 'CNAME' && !name.startsWith('public.'))
  expect(addresses.length).toBeGreaterThan(8)
  for (const record of addresses) {
    const ranges = values(record).map((value) => ipaddr.process(value).range())
    expect([record.name, ranges.some((range) => range !== 'unicast')]).toEqual([record.name, true])
  }
  const cname = records.find(({ type }) => type === 'CNAME')
  expect(records.map(({ name }) => name)).toContain(cname && values(cname)[0])
})

test('every zone has demo traffic of agents that nobody else uses', () => {
  const callers = demoCallers(deployment, loadDocuments('demo'), { eu: 1, us: 2, apac: 3 })
  expect(callers.every(({ agent }) => agent.startsWith('demo-'))).toBe(true)
  expect(new Set(callers.map(({ url }) => new URL(url).host.split('.')[0]))).toEqual(new Set(['eu', 'us', 'apac', 'global']))
  expect(callers.find(({ agent }) => agent === 'demo-globex-agent')).toMatchObject({
    proxy: 'http://127.0.0.1:2',
    url: 'http://us.aegis.example',
  })
})
