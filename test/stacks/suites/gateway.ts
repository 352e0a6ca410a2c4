import { EXPORT_ENVIRONMENT } from '../../../config/collector.ts'
import { cellNames, publicNames, sharedNames, stackNames, zoneNames } from '../../../config/names.ts'
import { regionsOf } from '../../../config/schema.ts'
import { PLACEHOLDER_TRUST_ROOT } from '../../../config/trust.ts'
import { GATEWAY_ENVIRONMENT, GATEWAY_SECRETS } from '../../../lib/constructs/gateway-environment.ts'
import { healthCheckOf } from '../../support/health-check.ts'
import { resourcesOf, type Synthesized, theResource } from '../synthesized.ts'

export function gatewaySuite({ deployment, templates }: Synthesized): void {
  const names = publicNames(deployment)
  const cells = regionsOf(deployment).map(({ region, zone }) => {
    const template = templates.get(stackNames(deployment).gateway(region))
    const { Properties: task } = theResource(template, 'AWS::ECS::TaskDefinition')
    return {
      region,
      zone,
      cell: cellNames(deployment, region, zone),
      template,
      task,
      container: task.ContainerDefinitions.find(({ Name }: { Name: string }) => Name === 'gateway'),
    }
  })

  it('sets the environment that a gateway reads, all of it literal', () => {
    for (const { region, zone, cell, container } of cells) {
      const environment = Object.fromEntries(
        container.Environment.map(({ Name, Value }: { Name: string; Value: unknown }) => [Name, Value]),
      )
      expect(Object.keys(environment)).toEqual([...GATEWAY_ENVIRONMENT, ...Object.keys(EXPORT_ENVIRONMENT)])
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
        AEGIS_INPUTS_BUCKET: cell.inputsBucket,
        AEGIS_INPUTS_RETENTION_DAYS: String(deployment.inputsRetentionDays),
        AEGIS_GLOBAL_TABLE: sharedNames(deployment).globalTable,
        AEGIS_REGION_STATE_TABLE: cell.table('region-state'),
        AEGIS_APPROVALS_TABLE: cell.table('approvals'),
        AEGIS_CHAINS_TABLE: cell.table('chains'),
        AEGIS_SLICES_TABLE: cell.table('slices'),
        AEGIS_IDEMPOTENCY_TABLE: cell.table('idempotency'),
        AEGIS_TOKEN_KEY: cell.signingKey('token'),
        AEGIS_APPROVAL_KEY: cell.signingKey('approval'),
        AEGIS_DATA_PROTECTION_KEY: cell.signingKey('data-protection'),
        AEGIS_DATA_PROTECTION_ROLE: `arn:aws:iam::${cell.account}:role/${cell.dataProtectionRole}`,
        AEGIS_OPERATOR_PORT: '8081',
        AEGIS_OPERATOR_URL: `https://operator.${region}.${deployment.domain}`,
        AEGIS_OPERATOR_ISSUER: `https://login.${deployment.domain}`,
        AEGIS_OPERATOR_AUDIENCE: `https://operators.${deployment.domain}`,
        AEGIS_BUNDLE_WARN_AGE_H: String(deployment.bundleWarnAgeH),
        AEGIS_SPOOL_DIR: '/var/spool/aegis',
        AWS_REGION: region,
        OTEL_TRACES_EXPORTER: 'otlp',
        OTEL_METRICS_EXPORTER: 'otlp',
        OTEL_LOGS_EXPORTER: 'none',
        OTEL_EXPORTER_OTLP_PROTOCOL: 'http/protobuf',
        OTEL_EXPORTER_OTLP_ENDPOINT: 'http://127.0.0.1:4318',
        OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE: 'delta',
        OTEL_TRACES_SAMPLER: 'traceidratio',
        OTEL_TRACES_SAMPLER_ARG: '0.01',
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
      const groups = resourcesOf(template, 'AWS::ElasticLoadBalancingV2::TargetGroup').map(([, { Properties }]) => Properties)
      expect(groups.map(({ Port, HealthCheckPath }) => [Port, HealthCheckPath])).toEqual([
        [8080, '/health/live'],
        [8080, '/health/live'],
        [8081, '/health/live'],
        [8081, '/health/live'],
      ])
      expect(container.HealthCheck.Command.join(' ')).toContain('/health/started')
      expect(container.HealthCheck).toEqual(healthCheckOf('runtime/gateway/Dockerfile'))
    }
  })

  it('speaks HTTPS only: to agents under the regional, zone and global name, to operators under their own', () => {
    for (const { region, zone, template } of cells) {
      const listeners = resourcesOf(template, 'AWS::ElasticLoadBalancingV2::Listener').map(([, { Properties }]) => Properties)
      const tls = { Port: 443, Protocol: 'HTTPS', SslPolicy: expect.stringMatching(/^ELBSecurityPolicy-TLS13-1-2/) }
      expect(listeners).toMatchObject([tls, tls])
      const certified = resourcesOf(template, 'AWS::CertificateManager::Certificate').map(([, { Properties }]) => [
        Properties.DomainName,
        ...(Properties.SubjectAlternativeNames ?? []),
      ])
      expect(certified).toEqual([[names.regional(region), names.zone(zone), names.global], [names.operator(region)]])
    }
  })

  it('lets clients keep a connection for three minutes, not an hour', () => {
    for (const { template, cell } of cells) {
      const loadBalancers = resourcesOf(template, 'AWS::ElasticLoadBalancingV2::LoadBalancer').map(([, { Properties }]) => Properties)
      expect(loadBalancers.map(({ Name }) => Name)).toEqual([cell.loadBalancer, cell.operatorLoadBalancer])
      for (const { LoadBalancerAttributes } of loadBalancers) {
        expect(LoadBalancerAttributes).toContainEqual({ Key: 'client_keep_alive.seconds', Value: '180' })
      }
    }
  })

  it('lets each load balancer reach only its port of the gateways, and only it reach that', () => {
    for (const { template } of cells) {
      const from = (construct: string) => ({ 'Fn::GetAtt': [expect.stringMatching(`^${construct}SecurityGroup`), 'GroupId'] })
      const ingress = resourcesOf(template, 'AWS::EC2::SecurityGroupIngress').map(([, { Properties }]) => Properties)
      expect(ingress).toMatchObject([
        { FromPort: 8080, ToPort: 8080, SourceSecurityGroupId: from('Entrance') },
        { FromPort: 8081, ToPort: 8081, SourceSecurityGroupId: from('OperatorEntrance') },
      ])
      const egress = resourcesOf(template, 'AWS::EC2::SecurityGroupEgress').map(([, { Properties }]) => Properties)
      expect(egress).toMatchObject([
        { FromPort: 8080, ToPort: 8080, GroupId: from('Entrance') },
        { FromPort: 8081, ToPort: 8081, GroupId: from('OperatorEntrance') },
      ])
    }
  })

  it('keeps the operators inside: no public address, and nobody from outside the private ranges of config', () => {
    for (const { template, cell } of cells) {
      const [, operators] = resourcesOf(template, 'AWS::ElasticLoadBalancingV2::LoadBalancer').map(([, { Properties }]) => Properties)
      expect(operators).toMatchObject({ Name: cell.operatorLoadBalancer, Scheme: 'internal' })
      expect(JSON.stringify(operators.Subnets)).not.toContain('public-subnet')
      const groups = resourcesOf(template, 'AWS::EC2::SecurityGroup').filter(([id]) => id.startsWith('OperatorEntrance'))
      expect(groups.flatMap(([, { Properties }]) => Properties.SecurityGroupIngress)).toMatchObject(
        deployment.operatorCidrs.map((CidrIp) => ({ CidrIp, FromPort: 443, ToPort: 443 })),
      )
    }
  })

  it('serves both ports with the same tasks', () => {
    for (const { template, container } of cells) {
      const served = theResource(template, 'AWS::ECS::Service').Properties.LoadBalancers
      expect(served.map(({ ContainerPort }: { ContainerPort: number }) => ContainerPort)).toEqual([8080, 8081])
      expect(container.PortMappings.map(({ ContainerPort }: { ContainerPort: number }) => ContainerPort)).toEqual([8080, 8081])
    }
  })

  it('takes the pseudonym key from the region’s own copy of the zone’s secret, and has it in no literal', () => {
    for (const { region, zone, cell, container } of cells) {
      const { pseudonymSecret } = zoneNames(deployment, zone)
      expect(container.Secrets).toEqual([
        { Name: 'AEGIS_PSEUDONYM_KEY', ValueFrom: `arn:aws:secretsmanager:${region}:${cell.account}:secret:${pseudonymSecret}` },
      ])
      expect(container.Secrets.map(({ Name }: { Name: string }) => Name)).toEqual([...GATEWAY_SECRETS])
    }
  })

  it('gives calls in flight longer to end than the load balancer takes to stop sending', () => {
    for (const { template, container } of cells) {
      for (const [, { Properties }] of resourcesOf(template, 'AWS::ElasticLoadBalancingV2::TargetGroup')) {
        const { Value } = Properties.TargetGroupAttributes.find(({ Key }: { Key: string }) => /^deregistration_delay/.test(Key))
        expect(container.StopTimeout).toBeGreaterThan(Number(Value))
      }
    }
  })

  it('gives up a connection that idles for a minute, long before one may be kept at all', () => {
    for (const { template } of cells) {
      for (const [, { Properties }] of resourcesOf(template, 'AWS::ElasticLoadBalancingV2::LoadBalancer')) {
        const of = (key: string) => Number(Properties.LoadBalancerAttributes.find(({ Key }: { Key: string }) => Key === key)?.Value)
        expect(of('idle_timeout.timeout_seconds')).toBeLessThan(of('client_keep_alive.seconds'))
      }
    }
  })

  it('runs tasks in private subnets without a public address, evenly over the availability zones', () => {
    for (const { template, cell } of cells) {
      const { Properties } = theResource(template, 'AWS::ECS::Service')
      expect(Properties).toMatchObject({
        ServiceName: cell.service,
        AvailabilityZoneRebalancing: 'ENABLED',
        NetworkConfiguration: { AwsvpcConfiguration: { AssignPublicIp: 'DISABLED' } },
      })
      expect(JSON.stringify(Properties.NetworkConfiguration)).not.toContain('public-subnet')
    }
  })

  it('limits requests by address and reads no body', () => {
    for (const { template } of cells) {
      const { Rules } = theResource(template, 'AWS::WAFv2::WebACL').Properties
      expect(Rules).toMatchObject([{ Statement: { RateBasedStatement: { AggregateKeyType: 'IP' } } }])
      expect(bodyRules(Rules)).toEqual([])
      expect(resourcesOf(template, 'AWS::WAFv2::WebACLAssociation')).toHaveLength(1)
    }
  })

  it('would see a rule that reads bodies, a managed one above all', () => {
    const managed = {
      Name: 'managed',
      Statement: { ManagedRuleGroupStatement: { VendorName: 'AWS', Name: 'AWSManagedRulesCommonRuleSet' } },
    }
    const own = { Name: 'own', Statement: { NotStatement: { Statement: { SqliMatchStatement: { FieldToMatch: { JsonBody: {} } } } } } }
    expect(bodyRules([managed, own])).toEqual(['managed', 'own'])
  })

  it('points the regional name and the operators’ name each at its own load balancer', () => {
    for (const { region, template } of cells) {
      const loadBalancers = resourcesOf(template, 'AWS::ElasticLoadBalancingV2::LoadBalancer').map(([id]) => id)
      const records = resourcesOf(template, 'AWS::Route53::RecordSet').map(([, { Properties }]) => Properties)
      expect(records).toMatchObject(
        [names.regional(region), names.operator(region)].map((name, index) => ({
          Name: `${name}.`,
          Type: 'A',
          AliasTarget: {
            DNSName: { 'Fn::GetAtt': [loadBalancers[index], 'DNSName'] },
            HostedZoneId: { 'Fn::GetAtt': [loadBalancers[index], 'CanonicalHostedZoneID'] },
            EvaluateTargetHealth: true,
          },
        })),
      )
    }
  })
}

/** Rules that look into bodies, or whose rules are somebody else's and may. */
function bodyRules(rules: readonly { Name: string }[]): string[] {
  return rules
    .filter((rule) => /"(Body|JsonBody|ManagedRuleGroupStatement|RuleGroupReferenceStatement)"/.test(JSON.stringify(rule)))
    .map(({ Name }) => Name)
}
