import { mkdirSync, readFileSync, rmSync } from 'node:fs'
import { CfnBucket } from 'aws-cdk-lib/aws-s3'
import { Stack } from 'aws-cdk-lib/core'
import { loadPrices } from '../../config/prices.ts'
import { readTopology } from '../../runtime/fabric/topology/read.ts'
import { assumed } from '../../scripts/cost-assumptions.ts'
import { estimate } from '../../scripts/cost-estimate.ts'
import { cdkContext } from '../support/cdk-context.ts'
import { smallApp } from '../support/small-app.ts'
import { EVERYTHING_ON, EVERYTHING_SAID } from './everything-on.ts'
import { breakGlassSuite } from './suites/break-glass.ts'
import { edgeSuite } from './suites/edge.ts'
import { findingsIn, nagSuite } from './suites/nag.ts'
import { networkFirewallSuite } from './suites/network-firewall.ts'
import { regionBackupSuite } from './suites/region-backup.ts'
import { regionSwitchSuite } from './suites/region-switch.ts'
import { synthesize } from './synthesized.ts'

// Two apps for every suite: as it comes, and with everything on that docs/options.md names.
const off = synthesize()
const on = synthesize(EVERYTHING_ON)

describe('what can be switched on', () => {
  it('is off as it comes, and changes no stack that is not about it', () => {
    const changed = [...on.templates.keys()].filter(
      (stack) => JSON.stringify(on.templates.get(stack)) !== JSON.stringify(off.templates.get(stack)),
    )
    expect([...new Set(changed.map((stack) => stack.replace(/-[a-z]{2}-[a-z]+-\d$/, '')))].toSorted()).toEqual([
      'aegis-prod-edge',
      'aegis-prod-keys',
      'aegis-prod-network',
      'aegis-prod-residency-store',
      'aegis-prod-routing',
    ])
  })

  it('has its section in docs/options.md, under the key that switches it on', () => {
    const page = readFileSync(new URL('../../docs/options.md', import.meta.url), 'utf8')
    for (const key of Object.keys(EVERYTHING_ON)) expect(page).toMatch(new RegExp(`^## .*\`${key}[.:\`]`, 'm'))
  })

  it('is priced by the estimate of costs: no type is left out without a word', () => {
    const stacks = [...on.templates].map(([name, template]) => ({ name, region: 'eu-west-1', template }))
    expect(estimate(stacks, loadPrices(new URL('../../config/prices/', import.meta.url)), assumed()).unpriced).toEqual([])
  })

  it('can be run by the fabric, with the same names and as many health checks as records need', () => {
    // Written once more, as nobody else needs the folder.
    mkdirSync(on.app.outdir)
    const { directory } = on.app.synth({ force: true })
    const topology = readTopology(directory, on.deployment)
    rmSync(directory, { recursive: true, force: true })
    expect(topology.records.map(({ name }) => name)).not.toContain('discovery.aegis.example')
    const primary = topology.records.find(
      ({ name, routing }) => name === 'eu.aegis.example' && 'role' in routing && routing.role === 'PRIMARY',
    )
    expect(topology.healthChecks.find(({ id }) => id === primary?.healthCheckId)).toMatchObject({
      fqdn: 'eu-west-1.aegis.example',
      intervalS: 10,
    })
  })
})

describe('network firewall', () => networkFirewallSuite(off, on))
describe('backups', () => regionBackupSuite(off, on))
describe('break glass', () => breakGlassSuite(off, on))
describe('region switch', () => regionSwitchSuite(off, on))
describe('edge', () => edgeSuite(off, on))
describe('cdk-nag with everything on', () => nagSuite(on, EVERYTHING_ON))

describe('all that config can say', () => {
  it('breaks no rule of CloudFormation or of the nag packs', () => {
    expect(findingsIn(synthesize(EVERYTHING_SAID, { judged: true })).open).toEqual([])
  }, 60_000)

  it('would be refused by the rules of CloudFormation for a property that its type does not have', () => {
    const app = smallApp({ context: cdkContext(), builtinCloudFormationValidation: true })
    new CfnBucket(new Stack(app, 'planted'), 'Bucket').addPropertyOverride('Planted', true)
    expect(() => app.synth()).toThrow(/Planted/)
  })
})
