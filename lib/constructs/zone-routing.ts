import { CnameRecord, Failover, HealthCheck, HealthCheckType, type IHealthCheck, type IHostedZone } from 'aws-cdk-lib/aws-route53'
import { Duration } from 'aws-cdk-lib/core'
import { Construct } from 'constructs'
import { publicNames } from '../../config/names.ts'
import { type Deployment, primaryOf, regionsOf } from '../../config/schema.ts'

export interface ZoneRoutingProps {
  readonly deployment: Deployment
  readonly hostedZone: IHostedZone
}

/**
 * One health check a region, shared by two kinds of names:
 * - `<zone>.<domain>` fails over from the zone's primary to its standby and never names a region of another zone. A latency or geolocation
 *   record could: it follows the resolver, and falls to any healthy record when the near one is not.
 * - `global.<domain>` goes to the nearest healthy region of all. Only tenants without a binding use it.
 */
export class ZoneRouting extends Construct {
  constructor(scope: Construct, id: string, { deployment, hostedZone }: ZoneRoutingProps) {
    super(scope, id)
    const names = publicNames(deployment)
    const ttl = Duration.seconds(deployment.recordTtlS)
    const checks = new Map(regionsOf(deployment).map(({ region }) => [region, this.healthCheck(deployment, region)]))
    const answer = (
      recordId: string,
      recordName: string,
      region: string,
      policy: { failover: Failover } | { region: string },
      healthCheck = checks.get(region) as IHealthCheck,
    ) =>
      new CnameRecord(this, recordId, {
        zone: hostedZone,
        recordName,
        domainName: names.regional(region),
        setIdentifier: region,
        healthCheck,
        ttl,
        ...policy,
      })

    for (const [zone, { standby }] of Object.entries(deployment.zones)) {
      // A zone of one region has a primary alone: Route 53 answers it even when unhealthy, as a group with no healthy record counts as
      // healthy, and a standby can join later (a simple record would have to be deleted first).
      const primary = primaryOf(deployment, zone)
      const switchId = standby === undefined ? undefined : deployment.regionSwitch?.primaryHealthChecks[zone]
      const check = switchId === undefined ? undefined : this.unlessSwitched(zone, checks.get(primary) as IHealthCheck, switchId)
      answer(`Zone-${zone}-Primary`, names.zone(zone), primary, { failover: Failover.PRIMARY }, check)
      if (standby !== undefined) answer(`Zone-${zone}-Standby`, names.zone(zone), standby, { failover: Failover.SECONDARY })
    }
    for (const { region } of regionsOf(deployment)) answer(`Global-${region}`, names.global, region, { region })
  }

  /**
   * Healthy while the region answers and nobody has switched away from it. The standby's record keeps its own check: of a failover pair the
   * primary's alone decides, so whatever state ARC gives the standby's can never hold up a failover that the checks make by themselves.
   */
  private unlessSwitched(zone: string, answers: IHealthCheck, switchId: string): HealthCheck {
    return new HealthCheck(this, `Health-${zone}-Switched`, {
      type: HealthCheckType.CALCULATED,
      childHealthChecks: [answers, HealthCheck.fromHealthCheckId(this, `Switch-${zone}`, switchId)],
      healthThreshold: 2,
    })
  }

  private healthCheck(deployment: Deployment, region: string): HealthCheck {
    return new HealthCheck(this, `Health-${region}`, {
      type: HealthCheckType.HTTPS,
      fqdn: publicNames(deployment).regional(region),
      port: 443,
      resourcePath: '/health/region',
      requestInterval: Duration.seconds(deployment.healthCheckIntervalS),
      failureThreshold: deployment.healthCheckFailureThreshold,
      enableSNI: true,
    })
  }
}
