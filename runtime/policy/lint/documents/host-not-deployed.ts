import type { Tenant } from '../../../model/zones.ts'
import type { BundledTool } from '../../bundle-data.ts'
import { allowedActions } from '../allowed-actions.ts'
import type { DocumentRule, LintSubject } from '../rule.ts'

/** What the network does not let through would be allowed by policy and fail on its way: deploy first, then publish. */
export const hostNotDeployed: DocumentRule = {
  id: 'host-not-deployed',
  refuses: 'a host of a tool or of `egress` that the deployed allowlist of a region lacks, with the stack to deploy',
  agent({ document, tenants, zones, deployedHosts = [] }, report) {
    const tenant = tenants.get(document.tenant)
    for (const { region, stack, hosts } of deployedHosts) {
      if (tenant === undefined || !serves(region, tenant, zones)) continue
      document.egress.forEach(({ host }, index) => {
        if (!isListed(host, hosts)) report(['egress', index, 'host'], lacks(region, host, stack))
      })
    }
  },
  tools(subject, report) {
    for (const { region, stack, hosts } of subject.deployedHosts ?? []) {
      for (const [tool, entry] of Object.entries(subject.registry)) {
        const from = calledFrom(region, tool, subject) ? endpointFor(region, entry, subject.zones) : undefined
        const host = from === undefined ? undefined : URL.parse(entry.endpoints[from] ?? '')?.hostname
        if (from !== undefined && host !== undefined && !isListed(host, hosts))
          report([tool, 'endpoints', from], lacks(region, host, stack))
      }
    }
  },
}

const lacks = (region: string, host: string, stack: string) =>
  `the allowlist that is deployed in ${region} lacks ${host}; deploy stack ${stack} with it, then publish`

function isListed(host: string, hosts: readonly string[]): boolean {
  return hosts.some((listed) => listed === host || (listed.startsWith('*.') && host.endsWith(listed.slice(1))))
}

function serves(region: string, { zone, binding }: Tenant, zones: LintSubject['zones']): boolean {
  return binding === 'none' || (Object.hasOwn(zones, zone) && zones[zone]?.includes(region) === true)
}

/** Whether an agent that this region serves may use the tool. */
function calledFrom(region: string, tool: string, { documents, tenants, zones, registry }: LintSubject): boolean {
  return documents.some((document) => {
    const tenant = tenants.get(document.tenant)
    if (tenant === undefined || !serves(region, tenant, zones)) return false
    return allowedActions(document, registry).some((allowed) => allowed.tool === tool && allowed.entry.roles.url === undefined)
  })
}

/** As a gateway chooses: its own region's endpoint, else one of its zone, else the first. */
function endpointFor(region: string, { endpoints }: BundledTool, zones: LintSubject['zones']): string | undefined {
  if (Object.hasOwn(endpoints, region)) return region
  const zone = Object.values(zones).find((regions) => regions.includes(region)) ?? []
  return zone.find((other) => Object.hasOwn(endpoints, other)) ?? Object.keys(endpoints)[0]
}
