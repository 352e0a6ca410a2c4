import { Certificate, CertificateValidation } from 'aws-cdk-lib/aws-certificatemanager'
import { ARecord } from 'aws-cdk-lib/aws-route53'
import { Construct } from 'constructs'
import { cellNames, publicNames } from '../../config/names.ts'
import { OPERATOR_PORT } from './gateway-environment.ts'
import type { EntranceProps } from './gateway-load-balancer.ts'
import { gatewayTraffic, NO_ROUTE } from './gateway-targets.ts'
import type { Traffic } from './gateway-traffic.ts'
import { aliasTo, httpsListener } from './load-balancer.ts'
import { privateLoadBalancer } from './private-load-balancer.ts'

/**
 * The way of people who approve, kill and promote to a region's gateways: an internal load balancer without a public address, for the
 * private ranges that config names. Its record stands in the public hosted zone, because certificates validate there; it tells the world a
 * private address, which is reached by nobody who is not on these networks already.
 */
export class OperatorLoadBalancer extends Construct {
  readonly traffic: Traffic

  constructor(scope: Construct, id: string, { cell, vpc, hostedZone, taskSecurityGroup, logFolder }: EntranceProps) {
    super(scope, id)
    const { deployment, region, zone } = cell
    const { operatorLoadBalancer, accessLogsBucket } = cellNames(deployment, region, zone)
    const host = publicNames(deployment).operator(region)
    const loadBalancer = privateLoadBalancer(this, {
      loadBalancerName: operatorLoadBalancer,
      vpc,
      taskSecurityGroup,
      sources: deployment.operatorCidrs,
      port: OPERATOR_PORT,
      words: { whose: 'the operators', tasks: 'the gateways', from: 'the load balancer of the operators' },
      logs: { bucketName: accessLogsBucket, folder: logFolder },
    })
    const certificate = new Certificate(this, 'Certificate', { domainName: host, validation: CertificateValidation.fromDns(hostedZone) })
    const listener = httpsListener(loadBalancer, certificate, { defaultAction: NO_ROUTE })
    this.traffic = gatewayTraffic(this, 'Operators', { vpc, port: OPERATOR_PORT, listener })
    new ARecord(this, 'OperatorRecord', { zone: hostedZone, recordName: host, target: aliasTo(loadBalancer) })
  }
}
