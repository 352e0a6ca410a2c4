import {
  GatewayVpcEndpoint,
  GatewayVpcEndpointAwsService,
  InterfaceVpcEndpoint,
  InterfaceVpcEndpointAwsService,
  type InterfaceVpcEndpointService,
  type IVpc,
  Peer,
  Port,
  SecurityGroup,
} from 'aws-cdk-lib/aws-ec2'
import { AnyPrincipal, PolicyStatement } from 'aws-cdk-lib/aws-iam'
import { Construct } from 'constructs'
import { cellNames, controlNames, sharedNames } from '../../config/names.ts'
import { type Deployment, regionsOf } from '../../config/schema.ts'
import { acknowledge } from '../nag/acknowledge.ts'
import { bucketArn, keysArn, logGroupArn, repositoryArn, tableArn } from './arns.ts'
import { bundleObjectArns } from './bundle-objects.ts'
import { storeObjectArns } from './control-store.ts'
import { PUBLISHER_ACTIONS } from './publisher-rights.ts'

export interface ControlEndpointsProps {
  readonly deployment: Deployment
  readonly region: string
  readonly vpc: IVpc
  /** Who may use the interface endpoints. */
  readonly vpcCidr: string
  readonly stores: readonly string[]
  readonly repository: string
}

/**
 * The ways from the control plane's VPC to AWS in its own region, each with a policy that names what may go through it. Other regions are
 * reached through NAT: there the role's own policy and those of the resources are what limits it.
 */
export class ControlEndpoints extends Construct {
  constructor(scope: Construct, id: string, { deployment, region, vpc, vpcCidr, stores, repository }: ControlEndpointsProps) {
    super(scope, id)
    const { control } = deployment.accounts
    // Where the control plane runs beside a cell, as it does at home. A standby region need not serve.
    const here = regionsOf(deployment).filter((cell) => cell.region === region)
    const cells = here.map((cell) => cellNames(deployment, cell.region, cell.zone))
    const own = (actions: readonly string[], resources: string[]) =>
      new PolicyStatement({
        principals: [new AnyPrincipal()],
        actions: [...actions],
        resources,
        conditions: { StringEquals: { 'aws:PrincipalAccount': control } },
      })

    const s3 = new GatewayVpcEndpoint(this, 'S3', { vpc, service: GatewayVpcEndpointAwsService.S3 })
    const bundleBuckets = cells.map(({ bundleBucket }) => bundleBucket)
    s3.addToPolicy(own(['s3:GetObject', 's3:PutObject'], [...stores.flatMap(storeObjectArns), ...bundleBuckets.flatMap(bundleObjectArns)]))
    s3.addToPolicy(own(['s3:ListBucket'], [...stores, ...bundleBuckets].map(bucketArn)))
    const layers = `${bucketArn(`prod-${region}-starport-layer-bucket`)}/*`
    s3.addToPolicy(new PolicyStatement({ principals: [new AnyPrincipal()], actions: ['s3:GetObject'], resources: [layers] }))
    acknowledge(s3, {
      [`Aegis-NoWildcard[Everybody::${layers}]`]:
        'ECR signs the links to image layers in its own name, so there is no principal of ours; it is one bucket of AWS, and can only be read',
    })
    const dynamodb = new GatewayVpcEndpoint(this, 'DynamoDb', { vpc, service: GatewayVpcEndpointAwsService.DYNAMODB })
    // Without a table of its own here nothing goes through: an endpoint without a policy would let everything.
    const table = tableArn(region, cells[0]?.account ?? control, sharedNames(deployment).globalTable)
    dynamodb.addToPolicy(own(PUBLISHER_ACTIONS, [table]))

    const securityGroup = new SecurityGroup(this, 'SecurityGroup', {
      vpc,
      description: 'HTTPS from the VPC to the interface endpoints',
      allowAllOutbound: false,
    })
    securityGroup.addIngressRule(Peer.ipv4(vpcCidr), Port.tcp(443), 'HTTPS from the VPC')
    const interfaceEndpoint = (name: string, service: InterfaceVpcEndpointService, statements: PolicyStatement[]) => {
      const endpoint = new InterfaceVpcEndpoint(this, name, {
        vpc,
        service,
        subnets: { subnetGroupName: 'endpoint' },
        securityGroups: [securityGroup],
        open: false,
        privateDnsEnabled: true,
      })
      for (const statement of statements) endpoint.addToPolicy(statement)
    }
    const pulling = [
      own(
        ['ecr:BatchCheckLayerAvailability', 'ecr:BatchGetImage', 'ecr:GetDownloadUrlForLayer'],
        [repositoryArn(region, control, repository)],
      ),
      // The login has no resource to name.
      own(['ecr:GetAuthorizationToken'], ['*']),
    ]
    interfaceEndpoint('EcrApi', InterfaceVpcEndpointAwsService.ECR, pulling)
    interfaceEndpoint('EcrDocker', InterfaceVpcEndpointAwsService.ECR_DOCKER, pulling)
    const logs = `${logGroupArn(region, control, controlNames(deployment, region).logs)}:*`
    interfaceEndpoint('Logs', InterfaceVpcEndpointAwsService.CLOUDWATCH_LOGS, [own(['logs:CreateLogStream', 'logs:PutLogEvents'], [logs])])
    interfaceEndpoint('Kms', InterfaceVpcEndpointAwsService.KMS, [
      own(['kms:Sign', 'kms:GetPublicKey'], [keysArn(region, control)]),
      // The public halves of this region's token and attestation keys.
      ...cells.map(({ account }) => own(['kms:GetPublicKey'], [keysArn(region, account)])),
    ])
  }
}
