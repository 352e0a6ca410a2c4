import { GatewayVpcEndpoint, GatewayVpcEndpointAwsService, InterfaceVpcEndpointAwsService, type IVpc } from 'aws-cdk-lib/aws-ec2'
import { Construct } from 'constructs'
import { cellNames, controlNames, sharedNames } from '../../config/names.ts'
import { type Deployment, regionsOf } from '../../config/schema.ts'
import { bucketArn, keysArn, logStreamsArn, tableArn } from './arns.ts'
import { bundleObjectArns } from './bundle-objects.ts'
import { storeObjectArns } from './control-store.ts'
import { PUBLISHER_ACTIONS } from './publisher-rights.ts'
import { imagePulls, interfaceEndpoints, letImageLayersThrough, ownPrincipals } from './vpc-endpoints.ts'

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
    const own = (actions: readonly string[], resources: readonly string[]) => ownPrincipals(control, actions, resources)

    const s3 = new GatewayVpcEndpoint(this, 'S3', { vpc, service: GatewayVpcEndpointAwsService.S3 })
    const bundleBuckets = cells.map(({ bundleBucket }) => bundleBucket)
    s3.addToPolicy(own(['s3:GetObject', 's3:PutObject'], [...stores.flatMap(storeObjectArns), ...bundleBuckets.flatMap(bundleObjectArns)]))
    s3.addToPolicy(own(['s3:ListBucket'], [...stores, ...bundleBuckets].map(bucketArn)))
    letImageLayersThrough(s3, region)
    const dynamodb = new GatewayVpcEndpoint(this, 'DynamoDb', { vpc, service: GatewayVpcEndpointAwsService.DYNAMODB })
    // Without a table of its own here nothing goes through: an endpoint without a policy would let everything.
    const table = tableArn(region, cells[0]?.account ?? control, sharedNames(deployment).globalTable)
    dynamodb.addToPolicy(own(PUBLISHER_ACTIONS, [table]))

    const interfaceEndpoint = interfaceEndpoints(this, vpc, vpcCidr)
    const pulling = imagePulls(control, region, repository)
    interfaceEndpoint('EcrApi', InterfaceVpcEndpointAwsService.ECR, pulling)
    interfaceEndpoint('EcrDocker', InterfaceVpcEndpointAwsService.ECR_DOCKER, pulling)
    const logs = logStreamsArn(region, control, controlNames(deployment, region).logs)
    interfaceEndpoint('Logs', InterfaceVpcEndpointAwsService.CLOUDWATCH_LOGS, [own(['logs:CreateLogStream', 'logs:PutLogEvents'], [logs])])
    interfaceEndpoint('Kms', InterfaceVpcEndpointAwsService.KMS, [
      own(['kms:Sign', 'kms:GetPublicKey'], [keysArn(region, control)]),
      // The public halves of this region's token and attestation keys.
      ...cells.map(({ account }) => own(['kms:GetPublicKey'], [keysArn(region, account)])),
    ])
  }
}
