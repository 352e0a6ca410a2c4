import { Stack } from 'aws-cdk-lib/core'
import type { Construct } from 'constructs'
import { stackNames } from '../../config/names.ts'
import { type Deployment, switchedZones } from '../../config/schema.ts'
import { stackProps } from '../cell.ts'
import { controlDelegation } from '../constructs/control-delegation.ts'
import { hostedZoneOf, hostedZonePlaceholders } from '../constructs/hosted-zone.ts'
import { RegionSwitch } from '../constructs/region-switch.ts'
import { ZoneRouting } from '../constructs/zone-routing.ts'
import { markPlaceholders } from '../placeholders.ts'

/**
 * Who answers for a zone and for the global name. Once, outside every serving region: losing a cell never takes its own way out along,
 * and in a failover nobody edits a record, as Route 53's data plane follows the health checks alone.
 */
export class RoutingStack extends Stack {
  constructor(scope: Construct, deployment: Deployment) {
    const env = { account: deployment.accounts.workload, region: deployment.routingRegion }
    super(scope, stackNames(deployment).routing, stackProps({ deployment }, env, 'routing', { protect: false }))
    const hostedZone = hostedZoneOf(this, deployment)
    new ZoneRouting(this, 'Routing', { deployment, hostedZone })
    for (const zone of switchedZones(deployment))
      new RegionSwitch(this, `Switch-${zone}`, { deployment, zone, hostedZoneId: hostedZone.hostedZoneId, region: env.region })
    controlDelegation(this, deployment, hostedZone)
    markPlaceholders(this, hostedZonePlaceholders(deployment))
  }
}
