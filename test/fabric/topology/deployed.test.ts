import { rmSync } from 'node:fs'
import { beforeAll, expect, test } from '@jest/globals'
import { publicNames, zoneNames } from '../../../config/names.ts'
import { type Deployment, regionsOf } from '../../../config/schema.ts'
import { readTopology } from '../../../runtime/fabric/topology/read.ts'
import type { Topology } from '../../../runtime/fabric/topology/topology.ts'
import { buildApp } from '../../stacks/synthesized.ts'

// The reader against what the stacks really synthesize: when a stack starts to use something that the fabric does not
// understand, this goes red, and not a drill weeks later.

let deployment: Deployment
let topology: Topology

beforeAll(() => {
  const built = buildApp()
  deployment = built.deployment
  const { directory } = built.app.synth()
  topology = readTopology(directory, deployment)
  rmSync(directory, { recursive: true, force: true })
}, 60_000)

test('has a cell, a public name and a health check for every serving region', () => {
  const regions = regionsOf(deployment).map(({ region }) => region)
  expect(topology.cells.map(({ region }) => region)).toEqual(regions)
  expect(topology.healthChecks.map(({ fqdn }) => fqdn).toSorted()).toEqual(
    regions.map((region) => `${region}.${deployment.domain}`).toSorted(),
  )
  for (const cell of topology.cells) expect(cell.environment.AEGIS_REGION).toBe(cell.region)
})

test('every record of a zone name leads to regions of that zone alone', () => {
  for (const [zone, { regions }] of Object.entries(deployment.zones)) {
    const targets = topology.records
      .filter(({ name }) => name === `${zone}.${deployment.domain}`)
      .flatMap(({ target }) => ('values' in target ? target.values : []))
    expect(targets.length).toBeGreaterThan(0)
    for (const target of targets) expect(regions.map((region) => `${region}.${deployment.domain}`)).toContain(target)
  }
})

test('every routed record has a health check, and every alias looks at its target', () => {
  for (const { routing, healthCheckId, target } of topology.records) {
    if (routing.policy !== 'simple') expect(healthCheckId).toBeDefined()
    if ('loadBalancer' in target) expect(target.evaluateTargetHealth).toBe(true)
  }
})

test('every cell has rights on tables of its own, the secret of its zone, and a role that alone signs attestations', () => {
  for (const { region, zone, tableRights, secrets, environment } of topology.cells) {
    const tables = new Set(tableRights.map(({ table }) => table))
    for (const [variable, table] of Object.entries(environment)) if (variable.endsWith('_TABLE')) expect(tables).toContain(table)
    for (const { partitions } of tableRights.filter(({ table }) => table === environment.AEGIS_GLOBAL_TABLE))
      expect(partitions).toBeDefined()
    expect(secrets).toEqual({ AEGIS_PSEUDONYM_KEY: zoneNames(deployment, zone).pseudonymSecret })
    const key = topology.keys.find(({ aliases }) => aliases.includes(environment.AEGIS_DATA_PROTECTION_KEY ?? ''))
    expect([region, key?.signerRole]).toEqual([region, environment.AEGIS_DATA_PROTECTION_ROLE])
    expect(topology.roles).toContainEqual(expect.objectContaining({ arn: key?.signerRole, needsSourceIdentity: true }))
  }
})

test("each region's operators come by an internal load balancer of their own", () => {
  const names = publicNames(deployment)
  for (const { region, loadBalancer } of topology.cells) {
    const record = topology.records.find(({ name }) => name === names.operator(region))
    const balancer = topology.loadBalancers.find(
      ({ id }) => record !== undefined && 'loadBalancer' in record.target && id === record.target.loadBalancer,
    )
    expect(balancer).toMatchObject({ region, internal: true })
    expect(balancer?.id).not.toBe(loadBalancer)
  }
})
