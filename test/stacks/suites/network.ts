import { cellNames, REGIONAL_TABLES, sharedNames, stackNames, zoneNames } from '../../../config/names.ts'
import { regionsOf } from '../../../config/schema.ts'
import { resourcesOf, type Synthesized, synthesize, theResource } from '../synthesized.ts'

interface Statement {
  Principal: unknown
  Action: string | string[]
  Resource: string | string[]
  Condition?: { StringEquals?: Record<string, string> }
}

export function networkSuite({ deployment, templates }: Synthesized): void {
  const cells = regionsOf(deployment).map(({ region, zone }) => ({
    region,
    zone,
    names: cellNames(deployment, region, zone),
    template: templates.get(stackNames(deployment).network(region)),
  }))

  it('has an endpoint in the region for every service that a task uses', () => {
    for (const { region, template } of cells) {
      const services = resourcesOf(template, 'AWS::EC2::VPCEndpoint').map(([, { Properties }]) => serviceOf(Properties, region))
      const wanted = ['dynamodb', 'ecr.api', 'ecr.dkr', 'kms', 'logs', 's3', 'secretsmanager', 'sts']
      expect(services.toSorted()).toEqual(wanted.map((service) => `com.amazonaws.${region}.${service}`))
    }
  })

  it('lets tasks resolve what the documents name, operators and AWS, and nothing else', () => {
    for (const { region, template } of cells) {
      const lists = Object.fromEntries(
        resourcesOf(template, 'AWS::Route53Resolver::FirewallDomainList').map(([id, { Properties }]) => [id, Properties.Domains]),
      )
      expect(lists.AllowedHosts).toEqual(
        expect.arrayContaining(['*.amazonaws.com', 'email.us-east-1.tools.aegis.example', 'login.aegis.example']),
      )
      expect(lists.AllowedHosts).not.toContain('*')
      // Of a tool with an endpoint here, only that one.
      const payments = lists.AllowedHosts.filter((host: string) => host.startsWith('payments.'))
      expect(payments).toEqual([`payments.${region}.tools.aegis.example`])
      const { FirewallRules } = theResource(template, 'AWS::Route53Resolver::FirewallRuleGroup').Properties
      const [allow, block] = FirewallRules.toSorted((a: { Priority: number }, b: { Priority: number }) => a.Priority - b.Priority)
      expect(allow).toMatchObject({ Action: 'ALLOW', FirewallDomainListId: { 'Fn::GetAtt': ['AllowedHosts', 'Id'] } })
      expect(block).toMatchObject({ Action: 'BLOCK', BlockResponse: 'NODATA' })
      expect(lists[block.FirewallDomainListId['Fn::GetAtt'][0]]).toEqual(['*'])
      expect(theResource(template, 'AWS::Route53Resolver::FirewallRuleGroupAssociation').Properties).toMatchObject({
        MutationProtection: 'ENABLED',
        VpcId: { Ref: 'Vpc' },
      })
    }
  })

  it("lets nothing through an endpoint but the account's principals, and AWS's own image layers", () => {
    for (const { region, names, template } of cells) {
      for (const [, { Properties }] of resourcesOf(template, 'AWS::EC2::VPCEndpoint')) {
        const open = (Properties.PolicyDocument.Statement as Statement[]).filter(
          ({ Condition }) => Condition?.StringEquals?.['aws:PrincipalAccount'] !== names.account,
        )
        const layers = { Action: 's3:GetObject', Resource: `arn:aws:s3:::prod-${region}-starport-layer-bucket/*` }
        expect(open).toMatchObject(serviceOf(Properties, region).endsWith('.s3') ? [layers] : [])
      }
    }
  })

  it('names the tables that the DynamoDB endpoint leads to', () => {
    for (const { region, names, template } of cells) {
      const endpoint = resourcesOf(template, 'AWS::EC2::VPCEndpoint').find(([, { Properties }]) =>
        serviceOf(Properties, region).endsWith('.dynamodb'),
      )
      const tables = [sharedNames(deployment).globalTable, ...REGIONAL_TABLES.map((purpose) => names.table(purpose))]
      expect(endpoint?.[1].Properties.PolicyDocument.Statement[0].Resource.toSorted()).toEqual(
        tables.map((table) => `arn:aws:dynamodb:${region}:${names.account}:table/${table}`).toSorted(),
      )
    }
  })

  it('leads through the S3 endpoint to the buckets that a gateway uses, each for what it does there', () => {
    for (const { region, names, template } of cells) {
      const endpoint = resourcesOf(template, 'AWS::EC2::VPCEndpoint').find(([, { Properties }]) =>
        serviceOf(Properties, region).endsWith('.s3'),
      )
      const statements: Statement[] = endpoint?.[1].Properties.PolicyDocument.Statement ?? []
      const ways = statements.map(({ Action, Resource }) => [Action, Resource])
      expect(ways).toEqual([
        ['s3:GetObject', [`arn:aws:s3:::${names.bundleBucket}/bundles/*`, `arn:aws:s3:::${names.bundleBucket}/directories/*`]],
        ['s3:PutObject', `arn:aws:s3:::${names.auditBucket}/*`],
        [['s3:GetObject', 's3:PutObject'], `arn:aws:s3:::${names.inputsBucket}/inputs/*`],
        ['s3:ListBucket', `arn:aws:s3:::${names.inputsBucket}`],
        ['s3:GetObject', `arn:aws:s3:::prod-${region}-starport-layer-bucket/*`],
      ])
    }
  })

  it("lets nobody take a role through the STS endpoint but the region's data-protection role", () => {
    for (const { region, names, template } of cells) {
      const endpoint = resourcesOf(template, 'AWS::EC2::VPCEndpoint').find(([, { Properties }]) =>
        serviceOf(Properties, region).endsWith('.sts'),
      )
      expect(endpoint?.[1].Properties.PolicyDocument.Statement).toMatchObject([
        { Action: ['sts:AssumeRole', 'sts:SetSourceIdentity'], Resource: `arn:aws:iam::${names.account}:role/${names.dataProtectionRole}` },
      ])
    }
  })

  it("shows no secret through the Secrets Manager endpoint but the zone's", () => {
    for (const { region, names, zone, template } of cells) {
      const endpoint = resourcesOf(template, 'AWS::EC2::VPCEndpoint').find(([, { Properties }]) =>
        serviceOf(Properties, region).endsWith('.secretsmanager'),
      )
      const { pseudonymSecret } = zoneNames(deployment, zone)
      expect(endpoint?.[1].Properties.PolicyDocument.Statement).toMatchObject([
        {
          Action: 'secretsmanager:GetSecretValue',
          Resource: `arn:aws:secretsmanager:${region}:${names.account}:secret:${pseudonymSecret}-??????`,
        },
      ])
    }
  })

  it('gives every availability zone its own NAT gateway and logs all flows', () => {
    for (const { names, template } of cells) {
      expect(resourcesOf(template, 'AWS::EC2::NatGateway')).toHaveLength(deployment.azCount)
      expect(theResource(template, 'AWS::EC2::FlowLog').Properties.TrafficType).toBe('ALL')
      expect(theResource(template, 'AWS::Logs::LogGroup').Properties.LogGroupName).toBe(names.flowLogs)
    }
  })

  it('moves no subnet when a third availability zone is added', () => {
    const zones = { eu: { regions: [deployment.homeRegion] } }
    const subnets = (azCount: number) => {
      const { templates: few } = synthesize({ zones, azCount })
      const found = resourcesOf(few.get(stackNames(deployment).network(deployment.homeRegion)), 'AWS::EC2::Subnet')
      return Object.fromEntries(found.map(([id, { Properties }]) => [id, Properties.CidrBlock]))
    }
    const [two, three] = [subnets(2), subnets(3)]
    expect(Object.keys(three)).toHaveLength(9)
    expect(three).toMatchObject(two)
  })

  it('hands no public address to anything that starts in a subnet', () => {
    for (const { template } of cells) {
      const subnets = resourcesOf(template, 'AWS::EC2::Subnet')
      expect(subnets).toHaveLength(3 * deployment.azCount)
      expect(subnets.filter(([, { Properties }]) => Properties.MapPublicIpOnLaunch === true)).toEqual([])
    }
  })

  it('writes the parameters that later stacks of the region read', () => {
    for (const { names, region, template } of cells) {
      const written = resourcesOf(template, 'AWS::SSM::Parameter').map(([, { Properties }]) => Properties.Name)
      const later = [stackNames(deployment).residencyStore(region), stackNames(deployment).gateway(region)]
      const read = later.flatMap((stack) =>
        [...JSON.stringify(templates.get(stack)).matchAll(/{{resolve:ssm:([^}]+)}}/g)].map(([, name]) => name),
      )
      expect(read).toContain(names.networkParameter('vpc-id'))
      expect([...new Set(read)].toSorted()).toEqual(written.toSorted())
    }
  })
}

/** Service names of gateway endpoints are joined from the pseudo parameter of the region. */
function serviceOf(
  { ServiceName }: { ServiceName: string | { 'Fn::Join': [string, (string | { Ref: string })[]] } },
  region: string,
): string {
  if (typeof ServiceName === 'string') return ServiceName
  const [separator, parts] = ServiceName['Fn::Join']
  return parts.map((part) => (typeof part === 'string' ? part : part.Ref === 'AWS::Region' ? region : `(${part.Ref})`)).join(separator)
}
