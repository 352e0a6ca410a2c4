import {
  GatewayVpcEndpoint,
  GatewayVpcEndpointAwsService,
  InterfaceVpcEndpoint,
  InterfaceVpcEndpointAwsService,
  type InterfaceVpcEndpointService,
  type ISecurityGroup,
  type IVpc,
  Peer,
  Port,
  SecurityGroup,
} from 'aws-cdk-lib/aws-ec2'
import { AnyPrincipal, PolicyStatement } from 'aws-cdk-lib/aws-iam'
import { Construct } from 'constructs'
import { cellNames, REGIONAL_TABLES, sharedNames } from '../../config/names.ts'
import type { Deployment } from '../../config/schema.ts'
import { acknowledge } from '../nag/acknowledge.ts'
import { bucketArn, keysArn, logStreamsArn, repositoryArn, roleArn, secretArnPattern, tableArn } from './arns.ts'
import { bundleObjectArns } from './bundle-objects.ts'
import { gatewaySecrets, notifiedTopics } from './gateway-environment.ts'
import { imageRepository } from './images.ts'
import { inputObjectsArn } from './input-objects.ts'
import { pinLogicalId } from './logical-id.ts'

export interface CellEndpointsProps {
  readonly deployment: Deployment
  readonly region: string
  readonly zone: string
  readonly vpc: IVpc
  /** Who may use the interface endpoints. */
  readonly vpcCidr: string
}

/**
 * The ways from a cell's VPC to AWS, each with a policy that names what may go through it: this account's principals, this region's
 * resources. Credentials of another account, brought in by whatever runs here, reach nothing through them.
 */
export class CellEndpoints extends Construct {
  readonly dynamodbEndpointId: string
  readonly s3EndpointId: string

  constructor(scope: Construct, id: string, { deployment, region, zone, vpc, vpcCidr }: CellEndpointsProps) {
    super(scope, id)
    const names = cellNames(deployment, region, zone)
    const { account } = names
    const own = (actions: string[], resources: string[]) =>
      new PolicyStatement({
        principals: [new AnyPrincipal()],
        actions,
        resources,
        conditions: { StringEquals: { 'aws:PrincipalAccount': account } },
      })

    const s3 = new GatewayVpcEndpoint(this, 'S3', { vpc, service: GatewayVpcEndpointAwsService.S3 })
    // The id that it has had from the start. Two S3 endpoints cannot share a route table, so replacing this one would fail half way.
    pinLogicalId(s3, 'EndpointsS332DF97CF')
    this.s3EndpointId = s3.vpcEndpointId
    s3.addToPolicy(own(['s3:GetObject'], bundleObjectArns(names.bundleBucket)))
    s3.addToPolicy(own(['s3:PutObject'], [`${bucketArn(names.auditBucket)}/*`]))
    s3.addToPolicy(own(['s3:PutObject', 's3:GetObject'], [inputObjectsArn(names.inputsBucket)]))
    s3.addToPolicy(own(['s3:ListBucket'], [bucketArn(names.inputsBucket)]))
    s3.addToPolicy(imageLayers(region))
    acknowledge(s3, {
      [`Aegis-NoWildcard[Everybody::${imageLayersArn(region)}]`]:
        'ECR signs the links to image layers in its own name, so there is no principal of ours; it is one bucket of AWS, and can only be read',
    })

    const tables = [sharedNames(deployment).globalTable, ...REGIONAL_TABLES.map((purpose) => names.table(purpose))]
    const dynamodb = new GatewayVpcEndpoint(this, 'DynamoDb', { vpc, service: GatewayVpcEndpointAwsService.DYNAMODB })
    dynamodb.addToPolicy(
      own(
        ['dynamodb:*Item', 'dynamodb:Query'],
        tables.map((table) => tableArn(region, account, table)),
      ),
    )
    pinLogicalId(dynamodb, 'DynamoDbEndpoint')
    this.dynamodbEndpointId = dynamodb.vpcEndpointId

    const securityGroup = new SecurityGroup(this, 'SecurityGroup', {
      vpc,
      description: 'HTTPS from the VPC to the interface endpoints',
      allowAllOutbound: false,
    })
    securityGroup.addIngressRule(Peer.ipv4(vpcCidr), Port.tcp(443), 'HTTPS from the VPC')
    const image = repositoryArn(region, account, imageRepository(this, account, region))
    const pulling = [
      own(['ecr:BatchCheckLayerAvailability', 'ecr:BatchGetImage', 'ecr:GetDownloadUrlForLayer'], [image]),
      ecrLogin(account),
    ]
    const logs = own(
      ['logs:CreateLogStream', 'logs:PutLogEvents'],
      [names.gatewayLogs, names.metricsLogs].map((logGroup) => logStreamsArn(region, account, logGroup)),
    )
    interfaceEndpoint(this, 'EcrApi', InterfaceVpcEndpointAwsService.ECR, pulling, { vpc, securityGroup })
    interfaceEndpoint(this, 'EcrDocker', InterfaceVpcEndpointAwsService.ECR_DOCKER, pulling, { vpc, securityGroup })
    interfaceEndpoint(this, 'Logs', InterfaceVpcEndpointAwsService.CLOUDWATCH_LOGS, [logs], { vpc, securityGroup })
    const keys = own(['kms:Sign', 'kms:GetPublicKey'], [keysArn(region, account)])
    interfaceEndpoint(this, 'Kms', InterfaceVpcEndpointAwsService.KMS, [keys], { vpc, securityGroup })
    const attesting = own(['sts:AssumeRole', 'sts:SetSourceIdentity'], [roleArn(account, names.dataProtectionRole)])
    interfaceEndpoint(this, 'Sts', InterfaceVpcEndpointAwsService.STS, [attesting], { vpc, securityGroup })
    const secrets = own(
      ['secretsmanager:GetSecretValue'],
      Object.values(gatewaySecrets(deployment, zone)).map((secret) => secretArnPattern(region, account, secret)),
    )
    interfaceEndpoint(this, 'SecretsManager', InterfaceVpcEndpointAwsService.SECRETS_MANAGER, [secrets], { vpc, securityGroup })
    const topics = notifiedTopics(deployment, region, account)
    if (topics.length > 0)
      interfaceEndpoint(this, 'Sns', InterfaceVpcEndpointAwsService.SNS, [own(['sns:Publish'], topics)], { vpc, securityGroup })
  }
}

function interfaceEndpoint(
  scope: Construct,
  id: string,
  service: InterfaceVpcEndpointService,
  statements: PolicyStatement[],
  { vpc, securityGroup }: { vpc: IVpc; securityGroup: ISecurityGroup },
): void {
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

/** ECR keeps image layers in a bucket of AWS's own, one a region (Amazon ECR User Guide, "Amazon ECR interface VPC endpoints"). */
function imageLayers(region: string): PolicyStatement {
  return new PolicyStatement({
    principals: [new AnyPrincipal()],
    actions: ['s3:GetObject'],
    resources: [imageLayersArn(region)],
  })
}

const imageLayersArn = (region: string) => `${bucketArn(`prod-${region}-starport-layer-bucket`)}/*`

/** The login has no resource to name. */
function ecrLogin(account: string): PolicyStatement {
  return new PolicyStatement({
    principals: [new AnyPrincipal()],
    actions: ['ecr:GetAuthorizationToken'],
    resources: ['*'],
    conditions: { StringEquals: { 'aws:PrincipalAccount': account } },
  })
}
