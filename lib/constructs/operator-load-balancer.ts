import { Certificate, CertificateValidation } from 'aws-cdk-lib/aws-certificatemanager'
import { ApplicationLoadBalancer, ApplicationProtocol } from 'aws-cdk-lib/aws-elasticloadbalancingv2'
import { ARecord } from 'aws-cdk-lib/aws-route53'
import { Construct } from 'constructs'
import { cellNames, publicNames } from '../../config/names.ts'
import { acknowledge, inStandards } from '../nag/acknowledge.ts'
import { OPERATOR_PORT } from './gateway-environment.ts'
import type { EntranceProps } from './gateway-load-balancer.ts'
import { acknowledgeDeletion, aliasTo, gatewayTraffic, LOAD_BALANCER_DEFAULTS, logAccess, NO_ROUTE } from './gateway-targets.ts'
import type { Traffic } from './gateway-traffic.ts'

/**
 * The way of people who approve, kill and promote to a region's gateways: an internal load balancer without a public address, for the
 * private ranges that config names. Its record stands in the public hosted zone, because certificates validate there; it tells the world a
 * private address, which is reached by nobody who is not on these networks already.
 */
import { operatorHttps } from './operator-https.ts'

export class OperatorLoadBalancer extends Construct {
  readonly traffic: Traffic

  constructor(scope: Construct, id: string, { cell, vpc, hostedZone, taskSecurityGroup, logPrefix }: EntranceProps) {
    super(scope, id)
    const { deployment, region, zone } = cell
    const cellName = cellNames(deployment, region, zone)
    const names = publicNames(deployment)
    const loadBalancer = new ApplicationLoadBalancer(this, 'LoadBalancer', {
      ...LOAD_BALANCER_DEFAULTS,
      loadBalancerName: cellName.operatorLoadBalancer,
      vpc,
      internetFacing: false,
      vpcSubnets: { subnets: vpc.privateSubnets },
      securityGroup: operatorHttps(this, {
        vpc,
        taskSecurityGroup,
        sources: deployment.operatorCidrs,
        port: OPERATOR_PORT,
        words: { whose: 'the operators', tasks: 'the gateways', from: 'the load balancer of the operators' },
      }),
    })
    acknowledgeDeletion(loadBalancer)
    acknowledge(
      loadBalancer,
      inStandards({
        ALBWAFEnabled: 'no public address: only private networks that config names reach it, and they are not a crowd to limit',
      }),
    )
    logAccess(loadBalancer, cellName.accessLogsBucket, logPrefix)

    const listener = loadBalancer.addListener('Https', {
      port: 443,
      protocol: ApplicationProtocol.HTTPS,
      // The security group says who may come.
      open: false,
      certificates: [
        new Certificate(this, 'Certificate', {
          domainName: names.operator(region),
          validation: CertificateValidation.fromDns(hostedZone),
        }),
      ],
      defaultAction: NO_ROUTE,
    })
    this.traffic = gatewayTraffic(this, 'Operators', { vpc, port: OPERATOR_PORT, listener })
    new ARecord(this, 'OperatorRecord', { zone: hostedZone, recordName: names.operator(region), target: aliasTo(loadBalancer) })
  }
}
