import { z } from 'zod'
import { originOf, type Resource } from './assembly.ts'
import { parseProperties } from './properties.ts'
import type { AllowedHosts } from './topology.ts'

/** Logical id of the domain list that a network's DNS firewall lets through. The other one is of what it blocks: everything. */
const ALLOWED_HOSTS_ID = 'AllowedHosts'

/** What a network's DNS firewall lets tasks resolve. */
export function readAllowedHosts(resources: Resource[]): AllowedHosts[] {
  return resources
    .filter(({ type, logicalId }) => type === 'AWS::Route53Resolver::FirewallDomainList' && logicalId === ALLOWED_HOSTS_ID)
    .map((resource) => ({
      hosts: parseProperties(resource, { Domains: z.array(z.string()) }, { closed: false }).Domains,
      origin: originOf(resource),
    }))
}
