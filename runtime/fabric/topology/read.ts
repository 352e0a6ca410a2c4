import { type Deployment, regionsOf } from '../../../config/schema.ts'
import { readRoles } from './access.ts'
import { readAllowedHosts } from './allowed-hosts.ts'
import { type Resource, readAssembly, resourcesOf } from './assembly.ts'
import { readCells } from './cells.ts'
import { where } from './intrinsics.ts'
import { readLoadBalancers } from './load-balancers.ts'
import { readHealthChecks, readHostedZones, readRecords } from './route53.ts'
import { readBuckets, readKeys, readSecrets, readTables } from './stores.ts'
import { TemplateError } from './template-error.ts'
import type { Topology } from './topology.ts'

/**
 * Reads what the fabric runs from a cloud assembly: DNS records and health checks, load balancers,
 * tables and replicas, buckets, keys, secrets, roles, and the task environment of every serving region.
 * Throws a TemplateError naming stack, logical id and property for whatever it does not understand in the
 * resource types it reads: a drill on half of a template would prove nothing.
 */
export function readTopology(cdkOutDir: string, deployment: Deployment): Topology {
  const resources = readAssembly(cdkOutDir).flatMap(resourcesOf)
  refuseHidden(resources)
  const hostedZones = readHostedZones(resources)
  const loadBalancers = readLoadBalancers(resources)
  const healthChecks = readHealthChecks(resources)
  const records = readRecords(resources, { hostedZones, loadBalancers, healthChecks })
  const secrets = readSecrets(resources)
  return {
    hostedZones,
    records,
    healthChecks,
    loadBalancers,
    tables: readTables(resources),
    buckets: readBuckets(resources),
    keys: readKeys(resources),
    secrets,
    roles: readRoles(resources),
    allowedHosts: readAllowedHosts(resources),
    cells: readCells(resources, { deployment, regions: regionsOf(deployment), records, loadBalancers, secrets }),
  }
}

/** Types whose every resource the fabric runs. */
const READ_TYPES =
  /^AWS::(Route53::|DynamoDB::(GlobalTable|Table)$|S3::Bucket$|KMS::(Key|Alias)$|SecretsManager::Secret$|Route53Resolver::FirewallDomainList$|IAM::Role$|ECS::TaskDefinition$|ElasticLoadBalancingV2::)/

/** What the reader cannot see into, it must not pass over. */
function refuseHidden(resources: Resource[]): void {
  for (const resource of resources) {
    if (resource.type === 'AWS::CloudFormation::Stack')
      throw new TemplateError(where(resource, 'TemplateURL'), 'is a nested stack', 'the fabric reads top-level stacks only')
    if (resource.condition !== undefined && READ_TYPES.test(resource.type))
      throw new TemplateError(
        where(resource, 'Condition'),
        `hangs on ${resource.condition}`,
        'decide at synthesis, so that what is drilled is what is deployed',
      )
  }
}
