import { cellNames, publicNames, sharedNames, stackNames } from '../../../config/names.ts'
import { regionsOf } from '../../../config/schema.ts'
import { PLACEHOLDER_TRUST_ROOT } from '../../../config/trust.ts'
import { GATEWAY_ENVIRONMENT } from '../../../lib/constructs/gateway-environment.ts'
import { resourcesOf, type Synthesized, theResource } from '../synthesized.ts'

export function gatewaySuite({ deployment, templates }: Synthesized): void {
  const names = publicNames(deployment)
  const cells = regionsOf(deployment).map(({ region, zone }) => {
    const template = templates.get(stackNames(deployment).gateway(region))
    const { Properties: task } = theResource(template, 'AWS::ECS::TaskDefinition')
    return { region, zone, cell: cellNames(deployment, region, zone), template, task, container: task.ContainerDefinitions[0] }
  })

  it('sets the environment that a gateway reads, all of it literal', () => {
    for (const { region, zone, cell, container } of cells) {
      const environment = Object.fromEntries(
        container.Environment.map(({ Name, Value }: { Name: string; Value: unknown }) => [Name, Value]),
      )
      expect(Object.keys(environment)).toEqual([...GATEWAY_ENVIRONMENT])
      expect(environment).toEqual({
        AEGIS_ENVIRONMENT: deployment.environment,
        AEGIS_REGION: region,
        AEGIS_ZONE: zone,
        AEGIS_ZONE_URL: `https://${zone}.${deployment.domain}`,
        AEGIS_GLOBAL_URL: `https://global.${deployment.domain}`,
        AEGIS_REGION_URL: `https://${region}.${deployment.domain}`,
        AEGIS_PORT: '8080',
        AEGIS_RING: 'stable',
        AEGIS_TRUST_ROOT: JSON.stringify(PLACEHOLDER_TRUST_ROOT),
        AEGIS_BUNDLE_BUCKET: cell.bundleBucket,
        AEGIS_GLOBAL_TABLE: sharedNames(deployment).globalTable,
        AEGIS_REGION_STATE_TABLE: cell.table('region-state'),
        AEGIS_BUNDLE_WARN_AGE_H: String(deployment.bundleWarnAgeH),
        AEGIS_SPOOL_DIR: '/var/spool/aegis',
        AWS_REGION: region,
      })
    }
  })

  it('runs ARM64 with a read-only root, an unprivileged user, no capability, and one path to write to', () => {
    for (const { task, container } of cells) {
      expect(task.RuntimePlatform).toEqual({ CpuArchitecture: 'ARM64', OperatingSystemFamily: 'LINUX' })
      expect(container).toMatchObject({
        ReadonlyRootFilesystem: true,
        User: '1000:1000',
        LinuxParameters: { Capabilities: { Drop: ['ALL'] } },
        MountPoints: [{ ContainerPath: '/var/spool/aegis', ReadOnly: false }],
      })
      expect(container.Privileged).toBeUndefined()
    }
  })

  it('kills no task for an expired bundle, and counts none as started that never had one', () => {
    for (const { template, container } of cells) {
      expect(theResource(template, 'AWS::ElasticLoadBalancingV2::TargetGroup').Properties.HealthCheckPath).toBe('/health/live')
      expect(container.HealthCheck.Command.join(' ')).toContain('/health/started')
    }
  })

  it('speaks HTTPS only, under the regional, zone and global name', () => {
    for (const { region, zone, template } of cells) {
      const listeners = resourcesOf(template, 'AWS::ElasticLoadBalancingV2::Listener').map(([, { Properties }]) => Properties)
      expect(listeners).toMatchObject([{ Port: 443, Protocol: 'HTTPS', SslPolicy: expect.stringMatching(/^ELBSecurityPolicy-TLS13-1-2/) }])
      const { Properties } = theResource(template, 'AWS::CertificateManager::Certificate')
      expect([Properties.DomainName, ...Properties.SubjectAlternativeNames]).toEqual([
        names.regional(region),
        names.zone(zone),
        names.global,
      ])
    }
  })

  it('lets clients keep a connection for three minutes, not an hour', () => {
    for (const { template, cell } of cells) {
      const { Properties } = theResource(template, 'AWS::ElasticLoadBalancingV2::LoadBalancer')
      expect(Properties.Name).toBe(cell.loadBalancer)
      expect(Properties.LoadBalancerAttributes).toContainEqual({ Key: 'client_keep_alive.seconds', Value: '180' })
    }
  })

  it('lets the load balancer reach only the gateways, and only it reach them', () => {
    for (const { template } of cells) {
      const [[, ingress] = [], ...others] = resourcesOf(template, 'AWS::EC2::SecurityGroupIngress')
      expect(others).toEqual([])
      expect(ingress?.Properties).toMatchObject({
        FromPort: 8080,
        ToPort: 8080,
        SourceSecurityGroupId: { 'Fn::GetAtt': [expect.stringContaining('Entrance'), 'GroupId'] },
      })
      expect(theResource(template, 'AWS::EC2::SecurityGroupEgress').Properties).toMatchObject({ FromPort: 8080, ToPort: 8080 })
    }
  })

  it('rolls a failed deployment back and never runs fewer tasks than before', () => {
    for (const { template, cell } of cells) {
      const { Properties } = theResource(template, 'AWS::ECS::Service')
      expect(Properties).toMatchObject({
        ServiceName: cell.service,
        DeploymentConfiguration: { DeploymentCircuitBreaker: { Enable: true, Rollback: true }, MinimumHealthyPercent: 100 },
        NetworkConfiguration: { AwsvpcConfiguration: { AssignPublicIp: 'DISABLED' } },
      })
      expect(Properties.DesiredCount).toBeUndefined()
      expect(theResource(template, 'AWS::ApplicationAutoScaling::ScalableTarget').Properties).toMatchObject({
        MinCapacity: deployment.gateway.minTasks,
        MaxCapacity: deployment.gateway.maxTasks,
      })
    }
  })

  it('limits requests by address and reads no body', () => {
    for (const { template } of cells) {
      const { Rules } = theResource(template, 'AWS::WAFv2::WebACL').Properties
      expect(Rules).toMatchObject([{ Statement: { RateBasedStatement: { AggregateKeyType: 'IP' } } }])
      expect(resourcesOf(template, 'AWS::WAFv2::WebACLAssociation')).toHaveLength(1)
    }
  })

  it('points the regional name at its own load balancer', () => {
    for (const { region, template } of cells) {
      const [[loadBalancer] = []] = resourcesOf(template, 'AWS::ElasticLoadBalancingV2::LoadBalancer')
      expect(theResource(template, 'AWS::Route53::RecordSet').Properties).toMatchObject({
        Name: `${names.regional(region)}.`,
        Type: 'A',
        AliasTarget: {
          DNSName: { 'Fn::GetAtt': [loadBalancer, 'DNSName'] },
          HostedZoneId: { 'Fn::GetAtt': [loadBalancer, 'CanonicalHostedZoneID'] },
          EvaluateTargetHealth: true,
        },
      })
    }
  })

  it('gives a task its own pointer, its region state and its bundles, and nothing else', () => {
    for (const { region, cell, template, task } of cells) {
      const [roleId] = task.TaskRoleArn['Fn::GetAtt']
      expect(template?.Resources[roleId]?.Properties.RoleName).toBe(cell.gatewayRole)
      const policies = resourcesOf(template, 'AWS::IAM::Policy').filter(([, { Properties }]) => Properties.Roles[0].Ref === roleId)
      const statements = policies.flatMap(([, { Properties }]) => Properties.PolicyDocument.Statement)
      const table = (name: string) => `arn:aws:dynamodb:${region}:${cell.account}:table/${name}`
      expect(statements).toMatchObject([
        {
          Action: 's3:GetObject',
          Resource: [`arn:aws:s3:::${cell.bundleBucket}/bundles/*`, `arn:aws:s3:::${cell.bundleBucket}/directories/*`],
        },
        {
          Action: 'dynamodb:GetItem',
          Resource: table(sharedNames(deployment).globalTable),
          Condition: { 'ForAllValues:StringEquals': { 'dynamodb:LeadingKeys': [`pointer#${region}`] } },
        },
        { Action: ['dynamodb:GetItem', 'dynamodb:UpdateItem'], Resource: table(cell.table('region-state')) },
        {
          Condition: {
            StringEquals: { 'kms:ViaService': `dynamodb.${region}.amazonaws.com` },
            'ForAnyValue:StringEquals': { 'kms:ResourceAliases': cell.dataKey },
          },
        },
      ])
      expect(statements).toHaveLength(4)
    }
  })
}
