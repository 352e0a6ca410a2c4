import { Peer, SubnetType, Vpc } from 'aws-cdk-lib/aws-ec2'
import { AnyPrincipal, PolicyStatement, Role, ServicePrincipal } from 'aws-cdk-lib/aws-iam'
import { Stack } from 'aws-cdk-lib/core'
import { invokeModelsOf, RegionalLlmEndpoint, RegionalModelError } from '../../lib/constructs/regional-llm-endpoint.ts'
import { AegisPack } from '../../lib/nag/aegis-pack.ts'
import { deployment, WORKLOAD } from '../nag/planted.ts'
import { smallApp } from '../support/small-app.ts'

const REGION = 'eu-central-1'
const MODEL = `arn:aws:bedrock:${REGION}::foundation-model/anthropic.claude-3-haiku-20240307-v1:0`
const ROLE = `arn:aws:iam::${WORKLOAD}:role/aegis-prod-${REGION}-gateway`

class PlantedStack extends Stack {
  override get availabilityZones() {
    return ['a', 'b']
  }
}

function planted(changed: { modelArns?: string[]; roleArns?: string[] } = {}) {
  const app = smallApp()
  const stack = new PlantedStack(app, 'planted', { env: { account: WORKLOAD, region: REGION } })
  const vpc = new Vpc(stack, 'Vpc', {
    restrictDefaultSecurityGroup: false,
    subnetConfiguration: [{ name: 'endpoint', subnetType: SubnetType.PRIVATE_ISOLATED }],
  })
  const props = {
    vpc,
    region: REGION,
    account: WORKLOAD,
    roleArns: [ROLE],
    modelArns: [MODEL],
    from: Peer.ipv4('10.0.0.0/16'),
    organizationId: 'o-a1b2c3d4e5',
  }
  const llm = new RegionalLlmEndpoint(stack, 'Llm', { ...props, ...changed })
  return { app, stack, llm, findings: () => new AegisPack(deployment).validateScope(app).violations.map(({ ruleName }) => ruleName) }
}

describe('an endpoint for models', () => {
  it("leads named roles of the account to this region's models, and to no profile", () => {
    const { stack, llm } = planted()
    const endpoint = stack.resolve((llm.endpoint.node.defaultChild as unknown as { _toCloudFormation(): unknown })._toCloudFormation()) as {
      Resources: Record<string, { Properties: object }>
    }
    const [resource] = Object.values(endpoint.Resources)
    expect(resource?.Properties).toMatchObject({
      ServiceName: `com.amazonaws.${REGION}.bedrock-runtime`,
      VpcEndpointType: 'Interface',
      PrivateDnsEnabled: true,
      PolicyDocument: {
        Statement: [
          {
            Effect: 'Allow',
            Resource: MODEL,
            Condition: {
              StringEquals: { 'aws:PrincipalAccount': WORKLOAD, 'aws:PrincipalOrgID': 'o-a1b2c3d4e5' },
              ArnEquals: { 'aws:PrincipalArn': [ROLE] },
            },
          },
          { Effect: 'Deny', Resource: '*', Condition: { Null: { 'bedrock:InferenceProfileArn': 'false' } } },
        ],
      },
    })
  })

  it('finds nothing in the rules, nor does a role with the right to call the models', () => {
    const { stack, findings } = planted()
    const role = new Role(stack, 'Role', { assumedBy: new ServicePrincipal('ecs-tasks.amazonaws.com') })
    role.addToPolicy(invokeModelsOf(REGION, [MODEL]))
    expect(findings()).toEqual([])
  })

  it.each([
    [
      'an inference profile',
      `arn:aws:bedrock:${REGION}:${WORKLOAD}:inference-profile/eu.anthropic.claude-3-haiku-20240307-v1:0`,
      /is an inference profile, which computes in other regions too/,
    ],
    ['a profile of your own', `arn:aws:bedrock:${REGION}:${WORKLOAD}:application-inference-profile/abc`, /is an inference profile/],
    ['the bare id of a profile', 'global.anthropic.claude-sonnet-4-v1:0', /is an inference profile/],
    [
      'a model of another region',
      'arn:aws:bedrock:us-east-1::foundation-model/amazon.nova-lite-v1:0',
      /is a model of us-east-1, and the endpoint is in eu-central-1/,
    ],
    ['all models', `arn:aws:bedrock:${REGION}::foundation-model/*`, /names more than one model/],
    ['models of all regions', 'arn:aws:bedrock:*::foundation-model/amazon.nova-lite-v1:0', /names more than one model/],
    ['a bare id', 'amazon.nova-lite-v1:0', /is not the ARN of a foundation model/],
  ])('refuses %s in one line', (_what, arn, line) => {
    for (const make of [() => planted({ modelArns: [MODEL, arn] }), () => invokeModelsOf(REGION, [arn])]) {
      expect(make).toThrow(RegionalModelError)
      expect(make).toThrow(line)
      expect(make).not.toThrow(/\n/)
    }
  })

  it('refuses to be for nobody, or for no model', () => {
    expect(() => planted({ roleArns: [] })).toThrow('roleArns: needs at least one role')
    expect(() => planted({ modelArns: [] })).toThrow('modelArns: needs at least one model')
  })

  it('is judged by the rules when somebody opens it afterwards', () => {
    const { stack, llm, findings } = planted()
    const profile = `arn:aws:bedrock:${REGION}:${WORKLOAD}:inference-profile/eu.amazon.nova-lite-v1:0`
    const right = { actions: ['bedrock:InvokeModel'], resources: [profile] }
    llm.endpoint.addToPolicy(
      new PolicyStatement({
        ...right,
        principals: [new AnyPrincipal()],
        conditions: { StringEquals: { 'aws:PrincipalAccount': WORKLOAD } },
      }),
    )
    new Role(stack, 'Role', { assumedBy: new ServicePrincipal('ecs-tasks.amazonaws.com') }).addToPolicy(new PolicyStatement(right))
    expect(findings()).toEqual([`Aegis-EndpointStaysInRegion[Model::${profile}]`, `Aegis-RoleStaysInRegion[Resource::${profile}]`])
  })
})
