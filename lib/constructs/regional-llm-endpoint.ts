// Made to be taken out: this file needs aws-cdk-lib and constructs, and nothing else of Aegis. Copy it as it is. What it lets through is judged
// once more by the rules EndpointStaysInRegion and RoleStaysInRegion of lib/nag, which can be copied too.
import {
  InterfaceVpcEndpoint,
  InterfaceVpcEndpointService,
  type IPeer,
  type IVpc,
  Port,
  SecurityGroup,
  type SubnetSelection,
  SubnetType,
} from 'aws-cdk-lib/aws-ec2'
import { AnyPrincipal, Effect, PolicyStatement } from 'aws-cdk-lib/aws-iam'
import { Construct } from 'constructs'

export interface RegionalLlmEndpointProps {
  readonly vpc: IVpc
  /** The region of the VPC, as a literal: `eu-central-1`. */
  readonly region: string
  /** The account whose principals come through, as a literal. */
  readonly account: string
  /** ARNs of the roles that may call models through the endpoint. At least one. */
  readonly roleArns: readonly string[]
  /** ARNs of foundation models of this region: `arn:aws:bedrock:eu-central-1::foundation-model/<id>`. At least one. */
  readonly modelArns: readonly string[]
  /** From where HTTPS is taken: the security group of the tasks, or their range. */
  readonly from: IPeer
  /**
   * Id of the organization that callers must be of, beside the account: `o-...`.
   * @default - the account alone is asked for
   */
  readonly organizationId?: string
  /**
   * Where the endpoint gets its addresses.
   * @default - the isolated subnets of the VPC
   */
  readonly subnets?: SubnetSelection
}

export class RegionalModelError extends Error {
  override name = 'RegionalModelError'
}

/** Converse and its stream are authorized as these two (Service Authorization Reference, "Amazon Bedrock"). */
const INVOKE = ['bedrock:InvokeModel', 'bedrock:InvokeModelWithResponseStream']

/**
 * The way from a VPC to the language models of its own region: an interface endpoint of Bedrock's runtime under its usual name, with a policy
 * that names models, roles and account. It takes no inference profile: such a profile is called here and computes in any region of its
 * list (Amazon Bedrock user guide, "Cross-Region inference"). A model that is offered by a profile alone cannot be had by this endpoint.
 * @throws RegionalModelError one line, for a model that is not this region's
 */
export class RegionalLlmEndpoint extends Construct {
  readonly endpoint: InterfaceVpcEndpoint
  readonly securityGroup: SecurityGroup

  constructor(scope: Construct, id: string, props: RegionalLlmEndpointProps) {
    super(scope, id)
    const { vpc, region, account, roleArns, modelArns, from, organizationId } = props
    if (roleArns.length === 0) throw new RegionalModelError('roleArns: needs at least one role, or the endpoint is for nobody')
    refuseModelsElsewhere(region, modelArns)
    this.securityGroup = new SecurityGroup(this, 'SecurityGroup', {
      vpc,
      description: 'HTTPS to the models of the region',
      allowAllOutbound: false,
    })
    this.securityGroup.addIngressRule(from, Port.tcp(443), 'HTTPS from callers of models')
    this.endpoint = new InterfaceVpcEndpoint(this, 'Endpoint', {
      vpc,
      service: new InterfaceVpcEndpointService(`com.amazonaws.${region}.bedrock-runtime`),
      subnets: props.subnets ?? { subnetType: SubnetType.PRIVATE_ISOLATED },
      securityGroups: [this.securityGroup],
      open: false,
      privateDnsEnabled: true,
    })
    this.endpoint.addToPolicy(
      new PolicyStatement({
        sid: 'NamedRolesCallModelsOfThisRegion',
        principals: [new AnyPrincipal()],
        actions: INVOKE,
        resources: [...modelArns],
        conditions: {
          StringEquals: { 'aws:PrincipalAccount': account, ...(organizationId !== undefined && { 'aws:PrincipalOrgID': organizationId }) },
          ArnEquals: { 'aws:PrincipalArn': [...roleArns] },
        },
      }),
    )
    // Already not allowed. Said once more, so that no statement that somebody adds can allow it.
    this.endpoint.addToPolicy(
      new PolicyStatement({
        sid: 'NoInferenceProfile',
        effect: Effect.DENY,
        principals: [new AnyPrincipal()],
        actions: INVOKE,
        resources: ['*'],
        conditions: { Null: { 'bedrock:InferenceProfileArn': 'false' } },
      }),
    )
  }
}

/**
 * The right to call models of one region, for the policy of a role: by their ARNs there, in that region alone, and never by a profile.
 * @throws RegionalModelError one line, for a model that is not this region's
 */
export function invokeModelsOf(region: string, modelArns: readonly string[]): PolicyStatement {
  refuseModelsElsewhere(region, modelArns)
  return new PolicyStatement({
    sid: 'CallModelsOfThisRegion',
    actions: INVOKE,
    resources: [...modelArns],
    conditions: { StringEquals: { 'aws:RequestedRegion': region }, Null: { 'bedrock:InferenceProfileArn': 'true' } },
  })
}

function refuseModelsElsewhere(region: string, modelArns: readonly string[]): void {
  if (modelArns.length === 0) throw new RegionalModelError('modelArns: needs at least one model')
  for (const arn of modelArns) {
    const why = whyNot(region, arn)
    if (why !== undefined) throw new RegionalModelError(`modelArns: ${arn} ${why}`)
  }
}

function whyNot(region: string, arn: string): string | undefined {
  const [prefix, , service, place, , resource = ''] = arn.split(':')
  if (/(^|\/)((global|us|us-gov|eu|apac|jp|au|ca)\.)[\w-]+\./.test(arn) || resource.includes('inference-profile/'))
    return 'is an inference profile, which computes in other regions too; name a foundation model of this one'
  if (prefix !== 'arn' || service !== 'bedrock' || !resource.startsWith('foundation-model/'))
    return `is not the ARN of a foundation model such as arn:aws:bedrock:${region}::foundation-model/<id>`
  if (/[*?]/.test(arn)) return 'names more than one model; write each by its own ARN'
  return place === region ? undefined : `is a model of ${place || 'no region'}, and the endpoint is in ${region}`
}
