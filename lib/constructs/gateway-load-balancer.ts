import { Certificate, CertificateValidation } from 'aws-cdk-lib/aws-certificatemanager'
import { type ISecurityGroup, type IVpc, Peer, Port, SecurityGroup } from 'aws-cdk-lib/aws-ec2'
import { ARecord, type IHostedZone } from 'aws-cdk-lib/aws-route53'
import { Construct } from 'constructs'
import { cellNames, publicNames } from '../../config/names.ts'
import type { Cell } from '../cell.ts'
import { acknowledge } from '../nag/acknowledge.ts'
import { GATEWAY_PORT } from './gateway-environment.ts'
import { gatewayTraffic, NO_ROUTE } from './gateway-targets.ts'
import type { Traffic } from './gateway-traffic.ts'
import { aliasTo, httpsListener, loadBalancer } from './load-balancer.ts'
import { RateLimit } from './rate-limit.ts'

export interface EntranceProps {
  readonly cell: Cell
  readonly vpc: IVpc
  readonly hostedZone: IHostedZone
  /** Security group of the tasks: the one place that the load balancer may connect to. */
  readonly taskSecurityGroup: ISecurityGroup
  /** Folder of the access logs in the region's access log bucket. */
  readonly logFolder: string
}

/** A region's public entrance: HTTPS under its regional, zone and global name, and the alias record that leads to it. */
export class GatewayLoadBalancer extends Construct {
  readonly traffic: Traffic

  constructor(scope: Construct, id: string, { cell, vpc, hostedZone, taskSecurityGroup, logFolder }: EntranceProps) {
    super(scope, id)
    const { deployment, region, zone } = cell
    const cellName = cellNames(deployment, region, zone)
    const names = publicNames(deployment)
    const entrance = loadBalancer(this, {
      loadBalancerName: cellName.loadBalancer,
      vpc,
      internetFacing: true,
      securityGroup: publicHttps(this, vpc, taskSecurityGroup),
      logs: { bucketName: cellName.accessLogsBucket, folder: logFolder },
    })
    const certificate = new Certificate(this, 'Certificate', {
      domainName: names.regional(region),
      subjectAlternativeNames: [names.zone(zone), names.global],
      validation: CertificateValidation.fromDns(hostedZone),
    })
    const listener = httpsListener(entrance, certificate, { defaultAction: NO_ROUTE })
    this.traffic = gatewayTraffic(this, 'Gateways', { vpc, port: GATEWAY_PORT, listener })
    new RateLimit(this, 'RateLimit', { loadBalancerArn: entrance.loadBalancerArn })
    new ARecord(this, 'RegionalRecord', { zone: hostedZone, recordName: names.regional(region), target: aliasTo(entrance) })
  }
}

function publicHttps(scope: Construct, vpc: IVpc, taskSecurityGroup: ISecurityGroup): SecurityGroup {
  const securityGroup = new SecurityGroup(scope, 'SecurityGroup', {
    vpc,
    description: 'HTTPS from everywhere to the load balancer',
    allowAllOutbound: false,
  })
  securityGroup.addIngressRule(Peer.anyIpv4(), Port.tcp(443), 'HTTPS from everywhere')
  securityGroup.addEgressRule(taskSecurityGroup, Port.tcp(GATEWAY_PORT), 'HTTP to the gateways')
  taskSecurityGroup.addIngressRule(securityGroup, Port.tcp(GATEWAY_PORT), 'HTTP from the load balancer')
  acknowledge(securityGroup, {
    'AwsSolutions-EC23': 'the public entrance of the region: HTTPS alone, rate limited, and every call authenticated',
  })
  return securityGroup
}
