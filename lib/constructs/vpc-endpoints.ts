import {
  type GatewayVpcEndpoint,
  InterfaceVpcEndpoint,
  type InterfaceVpcEndpointService,
  type IVpc,
  Peer,
  Port,
  SecurityGroup,
} from 'aws-cdk-lib/aws-ec2'
import { AnyPrincipal, PolicyStatement } from 'aws-cdk-lib/aws-iam'
import type { Construct } from 'constructs'
import { acknowledge } from '../nag/acknowledge.ts'
import { bucketArn, repositoryArn } from './arns.ts'
import { PULL_ACTIONS } from './images.ts'

// What the ways from a VPC of ours to AWS have in common. Each has a policy that names what may go through it: credentials of another account, brought
// in by whatever runs there, reach nothing.

/** One thing that may go through: principals of this account alone, with these actions on these resources. */
export function ownPrincipals(account: string, actions: readonly string[], resources: readonly string[]): PolicyStatement {
  return new PolicyStatement({
    principals: [new AnyPrincipal()],
    actions: [...actions],
    resources: [...resources],
    conditions: { StringEquals: { 'aws:PrincipalAccount': account } },
  })
}

/** What ECS asks of a registry to start a task, through ECR's two endpoints. */
export function imagePulls(account: string, region: string, repository: string): PolicyStatement[] {
  return [
    ownPrincipals(account, PULL_ACTIONS, [repositoryArn(region, account, repository)]),
    // The login has no resource to name.
    ownPrincipals(account, ['ecr:GetAuthorizationToken'], ['*']),
  ]
}

/** ECR keeps image layers in a bucket of AWS's own, one a region (Amazon ECR User Guide, "Amazon ECR interface VPC endpoints"). */
export function letImageLayersThrough(s3: GatewayVpcEndpoint, region: string): void {
  const layers = `${bucketArn(`prod-${region}-starport-layer-bucket`)}/*`
  s3.addToPolicy(new PolicyStatement({ principals: [new AnyPrincipal()], actions: ['s3:GetObject'], resources: [layers] }))
  acknowledge(s3, {
    [`Aegis-NoWildcard[Everybody::${layers}]`]:
      'ECR signs the links to image layers in its own name, so there is no principal of ours; it is one bucket of AWS, and can only be read',
  })
}

/** Makes interface endpoints, one after the other, that the whole VPC may use. @param vpcCidr who that is */
export function interfaceEndpoints(
  scope: Construct,
  vpc: IVpc,
  vpcCidr: string,
): (id: string, service: InterfaceVpcEndpointService, statements: readonly PolicyStatement[]) => void {
  const securityGroup = new SecurityGroup(scope, 'SecurityGroup', {
    vpc,
    description: 'HTTPS from the VPC to the interface endpoints',
    allowAllOutbound: false,
  })
  securityGroup.addIngressRule(Peer.ipv4(vpcCidr), Port.tcp(443), 'HTTPS from the VPC')
  return (id, service, statements) => {
    const endpoint = new InterfaceVpcEndpoint(scope, id, {
      vpc,
      service,
      subnets: { subnetGroupName: 'endpoint' },
      securityGroups: [securityGroup],
      open: false,
      privateDnsEnabled: true,
    })
    for (const statement of statements) endpoint.addToPolicy(statement)
  }
}
