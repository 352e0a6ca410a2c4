import { CfnLoadBalancer } from 'aws-cdk-lib/aws-elasticloadbalancingv2'
import { CfnRecordSet } from 'aws-cdk-lib/aws-route53'
import type { Stack } from 'aws-cdk-lib/core'
import { publicNames } from '../../../config/names.ts'
import { recordHasHealthCheck } from '../../../lib/nag/rules/record-has-health-check.ts'
import { recordHasShortTtl } from '../../../lib/nag/rules/record-has-short-ttl.ts'
import { zoneNameStaysInZone } from '../../../lib/nag/rules/zone-name-stays-in-zone.ts'
import { deployment, type RuleSuite, raw } from '../planted.ts'

const names = publicNames(deployment)
const EU = names.zone('eu')
const regional = names.regional

interface Record {
  Name: string
  Type?: string
  TTL?: string
  ResourceRecords?: unknown[]
  AliasTarget?: unknown
  HealthCheckId?: string
  Region?: string
  SetIdentifier?: string
}

const record = (properties: Record) => raw('AWS::Route53::RecordSet', { Type: 'CNAME', TTL: '30', HealthCheckId: 'h', ...properties })
const leadsTo = (Name: string, ...answers: string[]) => record({ Name, ResourceRecords: answers })

/** An alias of a name to a load balancer of the same stack. */
const alias =
  (name: string, evaluateTargetHealth = true) =>
  (stack: Stack): void => {
    const loadBalancer = new CfnLoadBalancer(stack, 'LoadBalancer')
    new CfnRecordSet(stack, 'Record', {
      name,
      type: 'A',
      aliasTarget: {
        dnsName: `dualstack.${loadBalancer.attrDnsName}`,
        hostedZoneId: loadBalancer.attrCanonicalHostedZoneId,
        evaluateTargetHealth,
      },
    })
  }

export const dnsSuites: RuleSuite[] = [
  {
    rule: zoneNameStaysInZone,
    refuses: [
      {
        name: "a zone's name that leads to another zone",
        plant: leadsTo(`${EU}.`, regional('us-east-1')),
        finds: [`${EU}::${regional('us-east-1')}`],
      },
      {
        name: 'one such answer among others, in a group',
        plant: raw('AWS::Route53::RecordSetGroup', {
          RecordSets: [
            { Name: EU, Type: 'CNAME', TTL: '30', ResourceRecords: [regional('eu-west-1')] },
            { Name: EU, Type: 'CNAME', TTL: '30', ResourceRecords: [regional('ap-southeast-1')] },
          ],
        }),
        finds: [`${EU}::${regional('ap-southeast-1')}`],
      },
      { name: 'an address that nobody can place', plant: leadsTo(EU, '192.0.2.1'), finds: [`${EU}::192.0.2.1`] },
      { name: 'the global name behind it', plant: leadsTo(EU, names.global), finds: [`${EU}::${names.global}`] },
      {
        name: "a name under the zone's",
        plant: leadsTo(`api.${EU}`, regional('us-east-1')),
        finds: [`api.${EU}::${regional('us-east-1')}`],
      },
      {
        name: "the zone's name handed to other name servers",
        plant: record({ Name: EU, Type: 'NS', ResourceRecords: ['ns.example.com'] }),
        finds: [`${EU}::ns.example.com`],
      },
      {
        name: 'a latency record of another zone',
        plant: record({ Name: EU, Region: 'us-east-1', SetIdentifier: 'x', ResourceRecords: [regional('eu-west-1')] }),
        finds: [`${EU}::us-east-1`],
      },
      {
        name: "an alias of a zone's name to a load balancer abroad",
        region: 'us-east-1',
        plant: alias(EU),
        finds: [`${EU}::dualstack.<AWS::ElasticLoadBalancingV2::LoadBalancer>`],
      },
      {
        name: 'an alias to an edge, which is everywhere',
        plant: record({ Name: EU, AliasTarget: { DNSName: 'd111111abcdef8.cloudfront.net', HostedZoneId: 'Z' } }),
        finds: [`${EU}::d111111abcdef8.cloudfront.net`],
      },
      {
        name: "a region's name that leads to the neighbour",
        region: 'eu-central-1',
        plant: alias(regional('eu-west-1')),
        finds: [`${regional('eu-west-1')}::dualstack.<AWS::ElasticLoadBalancingV2::LoadBalancer>`],
      },
      {
        name: 'a wildcard, which answers for a zone whose record is gone',
        plant: leadsTo(`*.${deployment.domain}`, regional('eu-west-1')),
        finds: [`*.${deployment.domain}::${regional('eu-west-1')}`],
      },
      {
        name: 'a name that synth does not know',
        plant: raw('AWS::Route53::RecordSet', { Name: { Ref: 'Parameter' }, Type: 'CNAME', ResourceRecords: ['x'] }),
        finds: ['Name::<?>'],
      },
    ],
    accepts: [
      { name: "the zone's own regions", plant: leadsTo(`${EU.toUpperCase()}.`, `${regional('eu-west-1')}.`) },
      { name: "a region's alias to its load balancer", plant: alias(regional('eu-west-1')) },
      { name: "the operators' name beside it", plant: alias(names.operator('eu-west-1')) },
      {
        name: "a load balancer of the zone by AWS's name",
        plant: record({ Name: EU, AliasTarget: { DNSName: 'x-1.eu-central-1.elb.amazonaws.com', HostedZoneId: 'Z' } }),
      },
      { name: 'every region behind the global name', plant: leadsTo(names.global, regional('us-east-1')) },
      { name: 'text at the name of a zone', plant: record({ Name: EU, Type: 'TXT', ResourceRecords: ['"v=1"'] }) },
    ],
  },
  {
    rule: recordHasShortTtl,
    refuses: [
      { name: 'a TTL of five minutes', plant: record({ Name: EU, TTL: '300', ResourceRecords: ['x'] }), finds: [`${EU}::300`] },
      {
        name: "CDK's default of half an hour",
        plant: (stack) =>
          void new CfnRecordSet(stack, 'Record', { name: names.global, type: 'CNAME', ttl: '1800', resourceRecords: ['x'] }),
        finds: [`${names.global}::1800`],
      },
      {
        name: 'no TTL at all',
        plant: raw('AWS::Route53::RecordSet', { Name: EU, Type: 'A', ResourceRecords: ['192.0.2.1'] }),
        finds: [`${EU}::default`],
      },
      { name: 'a TTL that is no number', plant: record({ Name: EU, TTL: 'soon', ResourceRecords: ['x'] }), finds: [`${EU}::soon`] },
    ],
    accepts: [
      { name: 'a minute', plant: record({ Name: EU, TTL: '60', ResourceRecords: ['x'] }) },
      { name: 'an alias, which has the TTL of its target', plant: alias(EU) },
    ],
  },
  {
    rule: recordHasHealthCheck,
    refuses: [
      {
        name: "a zone's answer that nobody probes",
        plant: raw('AWS::Route53::RecordSet', { Name: `${EU}.`, Type: 'CNAME', TTL: '30', ResourceRecords: [regional('eu-west-1')] }),
        finds: [`${EU}::${regional('eu-west-1')}`],
      },
      {
        name: 'one of the global name, in a group',
        plant: raw('AWS::Route53::RecordSetGroup', {
          RecordSets: [
            { Name: names.global, Type: 'CNAME', TTL: '30', ResourceRecords: ['a'], HealthCheckId: 'h' },
            { Name: names.global, Type: 'CNAME', TTL: '30', ResourceRecords: ['b'] },
          ],
        }),
        finds: [`${names.global}::b`],
      },
      {
        name: 'an alias that asks nobody how its target is',
        plant: alias(EU, false),
        finds: [`${EU}::dualstack.<AWS::ElasticLoadBalancingV2::LoadBalancer>`],
      },
    ],
    accepts: [
      { name: 'an answer with a health check', plant: leadsTo(EU, regional('eu-west-1')) },
      { name: 'an alias that evaluates its target', plant: alias(EU) },
      {
        name: 'a regional name, which nobody fails over',
        plant: raw('AWS::Route53::RecordSet', { Name: regional('eu-west-1'), Type: 'CNAME', TTL: '30', ResourceRecords: ['x'] }),
      },
    ],
  },
]
