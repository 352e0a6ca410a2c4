import { describe, expect, test } from '@jest/globals'
import { answer } from '../../../runtime/fabric/dns/answer.ts'
import type { RecordSet } from '../../../runtime/fabric/topology/topology.ts'
import { ADDRESSES, alias, failing, query, record, zoneData } from './small-zone.ts'

const failover = (role: 'PRIMARY' | 'SECONDARY', healthCheckId?: string): RecordSet =>
  record('name', {
    routing: { policy: 'failover', role, setIdentifier: role },
    target: { values: [role], ttlS: 30 },
    ...(healthCheckId && { healthCheckId }),
  })
const latency = (region: string, healthCheckId?: string): RecordSet =>
  record('name', {
    routing: { policy: 'latency', region, setIdentifier: region },
    target: { values: [region], ttlS: 30 },
    ...(healthCheckId && { healthCheckId }),
  })
const weighted = (weight: number, healthCheckId: string): RecordSet =>
  record('name', {
    routing: { policy: 'weighted', weight, setIdentifier: healthCheckId },
    target: { values: [healthCheckId], ttlS: 30 },
    healthCheckId,
  })
const regionAlias = (region: string, evaluate: boolean): RecordSet =>
  record('name', { routing: { policy: 'latency', region, setIdentifier: region }, target: alias(region, evaluate) })

interface Case {
  rule: string
  records: RecordSet[]
  failed?: string[]
  roll?: number
  answers: string
}

// Each rule is from the Route 53 developer guide: "Choosing a routing policy" and "How Route 53 chooses records when
// health checking is configured". Failed ids are of health checks (p, s, n, f, a, b, c) or balancers (lb-...).
const ROUTING: Case[] = [
  { rule: 'simple: its only record', records: [record('name', {})], answers: '192.0.2.1' },
  {
    rule: 'simple: its only record, healthy or not',
    records: [record('name', { healthCheckId: 'p' })],
    failed: ['p'],
    answers: '192.0.2.1',
  },
  { rule: 'failover: the primary while healthy', records: [failover('PRIMARY', 'p'), failover('SECONDARY', 's')], answers: 'PRIMARY' },
  {
    rule: 'failover: the primary, though the secondary comes first',
    records: [failover('SECONDARY', 's'), failover('PRIMARY', 'p')],
    answers: 'PRIMARY',
  },
  {
    rule: 'failover: the secondary when the primary is down',
    records: [failover('PRIMARY', 'p'), failover('SECONDARY', 's')],
    failed: ['p'],
    answers: 'SECONDARY',
  },
  {
    rule: 'failover: the primary when the secondary is down',
    records: [failover('PRIMARY', 'p'), failover('SECONDARY', 's')],
    failed: ['s'],
    answers: 'PRIMARY',
  },
  {
    rule: 'failover: the primary when both are down',
    records: [failover('SECONDARY', 's'), failover('PRIMARY', 'p')],
    failed: ['p', 's'],
    answers: 'PRIMARY',
  },
  {
    rule: 'failover: a secondary without a check is always healthy',
    records: [failover('PRIMARY', 'p'), failover('SECONDARY')],
    failed: ['p'],
    answers: 'SECONDARY',
  },
  { rule: 'failover: a primary alone, even when down', records: [failover('PRIMARY', 'p')], failed: ['p'], answers: 'PRIMARY' },
  { rule: 'latency: the nearest', records: [latency('far', 'f'), latency('near', 'n')], answers: 'near' },
  {
    rule: 'latency: the nearest of the healthy',
    records: [latency('farthest', 'a'), latency('far', 'f'), latency('near', 'n')],
    failed: ['n'],
    answers: 'far',
  },
  {
    rule: 'latency: the nearest when none is healthy',
    records: [latency('far', 'f'), latency('near', 'n')],
    failed: ['n', 'f'],
    answers: 'near',
  },
  { rule: 'weighted: drawn by weight, low', records: [weighted(1, 'a'), weighted(3, 'b')], roll: 0.24, answers: 'a' },
  { rule: 'weighted: drawn by weight, high', records: [weighted(1, 'a'), weighted(3, 'b')], roll: 0.25, answers: 'b' },
  { rule: 'weighted: weight 0 is never drawn', records: [weighted(0, 'a'), weighted(1, 'b')], roll: 0, answers: 'b' },
  { rule: 'weighted: weight 0 when all others are down', records: [weighted(0, 'a'), weighted(1, 'b')], failed: ['b'], answers: 'a' },
  {
    rule: 'weighted: by weight again when none is healthy',
    records: [weighted(0, 'a'), weighted(1, 'b')],
    failed: ['a', 'b'],
    answers: 'b',
  },
  { rule: 'weighted: all of weight 0 share', records: [weighted(0, 'a'), weighted(0, 'b')], roll: 0.5, answers: 'b' },
  {
    rule: 'alias: the target is down and looked at',
    records: [regionAlias('near', true), regionAlias('far', true)],
    failed: ['lb-near'],
    answers: ADDRESSES.far as string,
  },
  {
    rule: 'alias: every target is down',
    records: [regionAlias('near', true), regionAlias('far', true)],
    failed: ['lb-near', 'lb-far'],
    answers: ADDRESSES.near as string,
  },
  {
    rule: 'alias: its own check counts too',
    records: [{ ...regionAlias('near', true), healthCheckId: 'n' }, regionAlias('far', true)],
    failed: ['n'],
    answers: ADDRESSES.far as string,
  },
]

test.each(ROUTING)('$rule', ({ records, failed = [], roll = 0, answers }) => {
  const { rcode, answers: got } = answer(zoneData(records), failing(...failed), query('name.aegis.example', { roll }))
  expect(rcode).toBe('NOERROR')
  expect(got.map(({ data }) => data)).toEqual([answers])
})

describe('a planted fault keeps the dead region in the answers', () => {
  test('an alias that does not look at its target', () => {
    const planted = zoneData([regionAlias('near', false), regionAlias('far', true)])
    expect(answer(planted, failing('lb-near'), query('name.aegis.example')).answers[0]?.data).toBe(ADDRESSES.near)
  })

  test('a latency record without a health check', () => {
    const planted = zoneData([latency('near'), latency('far', 'f')])
    expect(answer(planted, failing('n'), query('name.aegis.example')).answers[0]?.data).toBe('near')
  })

  test('a CNAME without a check does not inherit the health of what it points to', () => {
    const planted = zoneData([
      { ...failover('PRIMARY'), type: 'CNAME', target: { values: ['one.aegis.example'], ttlS: 30 } },
      { ...failover('SECONDARY'), type: 'CNAME', target: { values: ['two.aegis.example'], ttlS: 30 } },
      record('one', { target: alias('near') }),
      record('two', { target: alias('far') }),
    ])
    expect(answer(planted, failing('lb-near'), query('name.aegis.example')).answers.at(-1)?.data).toBe(ADDRESSES.near)
  })
})

describe('chains', () => {
  const chain = [
    record('zone', { type: 'CNAME', target: { values: ['region.aegis.example'], ttlS: 30 } }),
    record('region', { target: alias('near') }),
    record('outside', { type: 'CNAME', target: { values: ['www.other.example'], ttlS: 30 } }),
    record('circle', { type: 'CNAME', target: { values: ['circle.aegis.example'], ttlS: 30 } }),
    record('dangling', { type: 'CNAME', target: { values: ['gone.aegis.example'], ttlS: 30 } }),
  ]

  test('a CNAME inside the zone comes with its target, an alias with 60 s', () => {
    expect(answer(zoneData(chain), failing(), query('zone.aegis.example')).answers).toEqual([
      { name: 'zone.aegis.example', type: 'CNAME', ttlS: 30, data: 'region.aegis.example' },
      { name: 'region.aegis.example', type: 'A', ttlS: 60, data: ADDRESSES.near },
    ])
  })

  test('a query for the CNAME itself does not follow it', () => {
    expect(answer(zoneData(chain), failing(), query('zone.aegis.example', { type: 'CNAME' })).answers).toHaveLength(1)
  })

  test.each(['outside', 'circle'])('%s: ends where it leaves the zone or meets itself', (name) => {
    const { rcode, answers, authorities } = answer(zoneData(chain), failing(), query(`${name}.aegis.example`))
    expect([rcode, answers.length, authorities.length]).toEqual(['NOERROR', 1, 0])
  })

  test('a chain to a name that is not there is NXDOMAIN with the CNAME (RFC 6604)', () => {
    const { rcode, answers, authorities } = answer(zoneData(chain), failing(), query('dangling.aegis.example'))
    expect([rcode, answers.length, authorities[0]?.type]).toEqual(['NXDOMAIN', 1, 'SOA'])
  })
})

describe('what is not there', () => {
  const data = zoneData([record('a.b', {}), record('lb', { type: 'AAAA', target: alias('near') })])

  test.each([
    ['refuses a name outside its zones', 'aegis.example.com', 'A', 'REFUSED', 0],
    ['refuses a name that only ends alike', 'notaegis.example', 'A', 'REFUSED', 0],
    ['NXDOMAIN with SOA', 'nope.aegis.example', 'A', 'NXDOMAIN', 1],
    ['NODATA with SOA: another type', 'a.b.aegis.example', 'AAAA', 'NOERROR', 1],
    ['NODATA with SOA: an unknown type', 'a.b.aegis.example', 'UNKNOWN_65280', 'NOERROR', 1],
    ['NODATA with SOA: a name between the apex and a record', 'b.aegis.example', 'A', 'NOERROR', 1],
    ['NODATA with SOA: IPv6 of a balancer that has none', 'lb.aegis.example', 'AAAA', 'NOERROR', 1],
    ['NODATA with SOA: an address at the apex', 'aegis.example', 'A', 'NOERROR', 1],
    ['declines ANY', 'a.b.aegis.example', 'ANY', 'NOTIMP', 0],
  ])('%s', (_rule, name, type, rcode, authorities) => {
    const got = answer(data, failing(), query(name, { type }))
    expect([got.rcode, got.answers.length, got.authorities.length]).toEqual([rcode, 0, authorities])
  })

  test('the apex has SOA and NS', () => {
    expect(answer(data, failing(), query('aegis.example', { type: 'SOA' })).answers).toHaveLength(1)
    expect(answer(data, failing(), query('aegis.example', { type: 'NS' })).answers.length).toBeGreaterThan(1)
  })
})

test('names are compared without case and answered in the case that was asked', () => {
  const got = answer(zoneData([record('name', {})]), failing(), query('NaMe.AEGIS.example'))
  expect(got.answers[0]).toMatchObject({ name: 'NaMe.AEGIS.example', data: '192.0.2.1' })
})

test('the compressed profile divides every TTL by ten, to at least a second, and leaves 0 alone', () => {
  const fixtures = [
    { name: 'hostile.example', records: [{ name: 'rebind.hostile.example', type: 'A' as const, ttlS: 0, values: ['127.0.0.1'] }] },
  ]
  const data = zoneData(
    [record('a', {}), record('b', { target: { values: ['x'], ttlS: 4 } }), record('c', { target: alias('near') })],
    fixtures,
    'compressed',
  )
  const ttl = (name: string) => answer(data, failing(), query(name)).answers[0]?.ttlS
  expect([ttl('a.aegis.example'), ttl('b.aegis.example'), ttl('c.aegis.example'), ttl('rebind.hostile.example')]).toEqual([3, 1, 6, 0])
})

describe('fixture zones', () => {
  const fixtures = [
    { name: 'tools.aegis.example', records: [{ name: 'crm.tools.aegis.example', type: 'A' as const, ttlS: 60, values: ['44.128.1.20'] }] },
    {
      name: 'hostile.example',
      records: [
        { name: 'rebind.hostile.example', type: 'A' as const, ttlS: 0, alternating: [['44.128.9.9'], ['10.0.0.1', '127.0.0.1']] },
        { name: 'inside.hostile.example', type: 'CNAME' as const, ttlS: 60, values: ['eu.aegis.example'] },
      ],
    },
  ]
  const data = zoneData([record('eu', {})], fixtures)

  test('the longest suffix is the zone', () => {
    expect(answer(data, failing(), query('crm.tools.aegis.example')).answers[0]?.data).toBe('44.128.1.20')
    expect(answer(data, failing(), query('no.tools.aegis.example')).authorities[0]?.name).toBe('tools.aegis.example')
  })

  test('an alternating name gives each query the next set', () => {
    const sets = [0, 1, 2].map((serial) =>
      answer(data, failing(), query('rebind.hostile.example', { serial })).answers.map((entry) => entry.data),
    )
    expect(sets).toEqual([['44.128.9.9'], ['10.0.0.1', '127.0.0.1'], ['44.128.9.9']])
  })

  test('a CNAME may lead from one zone into another', () => {
    expect(answer(data, failing(), query('inside.hostile.example')).answers.map((entry) => entry.data)).toEqual([
      'eu.aegis.example',
      '192.0.2.1',
    ])
  })
})
