import { GatewayVpcEndpoint, GatewayVpcEndpointAwsService, InterfaceVpcEndpointAwsService, type IVpc } from 'aws-cdk-lib/aws-ec2'
import { Construct } from 'constructs'
import { cellNames, REGIONAL_TABLES, sharedNames } from '../../config/names.ts'
import type { Deployment } from '../../config/schema.ts'
import { bucketArn, keysArn, logStreamsArn, roleArn, secretArnPattern, tableArn } from './arns.ts'
import { bundleObjectArns } from './bundle-objects.ts'
import { gatewaySecrets, notifiedTopics } from './gateway-environment.ts'
import { imageRepository } from './images.ts'
import { inputObjectsArn } from './input-objects.ts'
import { pinLogicalId } from './logical-id.ts'
import { imagePulls, interfaceEndpoints, letImageLayersThrough, ownPrincipals } from './vpc-endpoints.ts'

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
    const own = (actions: readonly string[], resources: readonly string[]) => ownPrincipals(account, actions, resources)

    const s3 = new GatewayVpcEndpoint(this, 'S3', { vpc, service: GatewayVpcEndpointAwsService.S3 })
    // The id that it has had from the start. Two S3 endpoints cannot share a route table, so replacing this one would fail half way.
    pinLogicalId(s3, 'EndpointsS332DF97CF')
    this.s3EndpointId = s3.vpcEndpointId
    s3.addToPolicy(own(['s3:GetObject'], bundleObjectArns(names.bundleBucket)))
    s3.addToPolicy(own(['s3:PutObject'], [`${bucketArn(names.auditBucket)}/*`]))
    s3.addToPolicy(own(['s3:PutObject', 's3:GetObject'], [inputObjectsArn(names.inputsBucket)]))
    s3.addToPolicy(own(['s3:ListBucket'], [bucketArn(names.inputsBucket)]))
    letImageLayersThrough(s3, region)

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

    const interfaceEndpoint = interfaceEndpoints(this, vpc, vpcCidr)
    const pulling = imagePulls(account, region, imageRepository(this, account, region))
    const logs = own(
      ['logs:CreateLogStream', 'logs:PutLogEvents'],
      [names.gatewayLogs, names.metricsLogs].map((logGroup) => logStreamsArn(region, account, logGroup)),
    )
    interfaceEndpoint('EcrApi', InterfaceVpcEndpointAwsService.ECR, pulling)
    interfaceEndpoint('EcrDocker', InterfaceVpcEndpointAwsService.ECR_DOCKER, pulling)
    interfaceEndpoint('Logs', InterfaceVpcEndpointAwsService.CLOUDWATCH_LOGS, [logs])
    const keys = own(['kms:Sign', 'kms:GetPublicKey'], [keysArn(region, account)])
    interfaceEndpoint('Kms', InterfaceVpcEndpointAwsService.KMS, [keys])
    const attesting = own(['sts:AssumeRole', 'sts:SetSourceIdentity'], [roleArn(account, names.dataProtectionRole)])
    interfaceEndpoint('Sts', InterfaceVpcEndpointAwsService.STS, [attesting])
    const secrets = own(
      ['secretsmanager:GetSecretValue'],
      Object.values(gatewaySecrets(deployment, zone)).map((secret) => secretArnPattern(region, account, secret)),
    )
    interfaceEndpoint('SecretsManager', InterfaceVpcEndpointAwsService.SECRETS_MANAGER, [secrets])
    const topics = notifiedTopics(deployment, region, account)
    if (topics.length > 0) interfaceEndpoint('Sns', InterfaceVpcEndpointAwsService.SNS, [own(['sns:Publish'], topics)])
  }
}
