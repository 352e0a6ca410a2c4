import { Template } from 'aws-cdk-lib/assertions'
import { Stack } from 'aws-cdk-lib/core'
import { deployment as input } from '../../config/deployment.ts'
import { resolveDeployment } from '../../config/resolve.ts'
import type { DeploymentInput } from '../../config/schema.ts'
import { hostedZoneOf } from '../../lib/constructs/hosted-zone.ts'
import { ZoneRouting } from '../../lib/constructs/zone-routing.ts'
import { smallApp } from '../support/small-app.ts'

/** Records under a name: the target of each, by its failover role. */
function answers(zones: DeploymentInput['zones'], name: string): Record<string, string> {
  const deployment = resolveDeployment({ ...input, zones })
  const stack = new Stack(smallApp(), 'routing', { env: { account: '222222222222', region: 'eu-north-1' } })
  new ZoneRouting(stack, 'Routing', { deployment, hostedZone: hostedZoneOf(stack, deployment) })
  const records = Object.values(Template.fromStack(stack).findResources('AWS::Route53::RecordSet', { Properties: { Name: `${name}.` } }))
  return Object.fromEntries(records.map(({ Properties }) => [Properties.Failover ?? Properties.Region, Properties.ResourceRecords[0]]))
}

describe('routing of a zone', () => {
  it('names the primary and the standby, and no third region', () => {
    const eu = { regions: ['eu-west-1', 'eu-central-1', 'eu-west-3'], primary: 'eu-west-1', standby: 'eu-west-3' }
    expect(answers({ eu }, 'eu.aegis.example')).toEqual({ PRIMARY: 'eu-west-1.aegis.example', SECONDARY: 'eu-west-3.aegis.example' })
  })

  it('has the primary alone in a zone of one region, which a standby can join later', () => {
    expect(answers({ eu: { regions: ['eu-west-1'] } }, 'eu.aegis.example')).toEqual({ PRIMARY: 'eu-west-1.aegis.example' })
  })

  it('has the primary alone where no standby is named: that zone fails closed', () => {
    expect(answers({ eu: { regions: ['eu-west-1', 'eu-central-1'] } }, 'eu.aegis.example')).toEqual({ PRIMARY: 'eu-west-1.aegis.example' })
  })

  it('has every region under the global name', () => {
    const zones = { eu: { regions: ['eu-west-1'] }, us: { regions: ['us-east-1'] } }
    expect(answers(zones, 'global.aegis.example')).toEqual({
      'eu-west-1': 'eu-west-1.aegis.example',
      'us-east-1': 'us-east-1.aegis.example',
    })
  })
})
