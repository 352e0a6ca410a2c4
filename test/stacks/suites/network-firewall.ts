import { cellNames, stackNames } from '../../../config/names.ts'
import { regionsOf } from '../../../config/schema.ts'
import { type Resource, resourcesOf, type Synthesized, type Template, theResource } from '../synthesized.ts'

/** What must not be made anew when the firewall is switched on or off, for whatever is in it. */
const KEPT = [
  'AWS::EC2::VPC',
  'AWS::EC2::Subnet',
  'AWS::EC2::VPCEndpoint',
  'AWS::EC2::RouteTable',
  'AWS::EC2::InternetGateway',
  'AWS::SSM::Parameter',
]

/** Kept resources that are other than before, by logical id. */
function changed(before: Template | undefined, after: Template | undefined): string[] {
  return KEPT.flatMap((type) => resourcesOf(before, type))
    .filter(([id, resource]) => JSON.stringify(after?.Resources[id]) !== JSON.stringify(resource))
    .map(([id]) => id)
}

export function networkFirewallSuite(off: Synthesized, on: Synthesized): void {
  const { deployment } = on
  const cells = regionsOf(deployment).map(({ region, zone }) => {
    const stack = stackNames(deployment).network(region)
    return { names: cellNames(deployment, region, zone), before: off.templates.get(stack), after: on.templates.get(stack) }
  })

  it('is switched on without touching VPC, subnets, endpoints or a parameter that others read', () => {
    for (const { before, after } of cells) expect(changed(before, after)).toEqual([])
  })

  it('would see a subnet that moved', () => {
    const [{ before } = { before: undefined }] = cells
    const moved = structuredClone(before) as Template
    const [[id, subnet]] = resourcesOf(moved, 'AWS::EC2::Subnet') as [[string, Resource]]
    subnet.Properties.CidrBlock = '10.0.128.0/20'
    expect(changed(before, moved)).toEqual([id])
  })

  it('changes the way out of a private subnet in place: never none, never two', () => {
    for (const { before, after } of cells) {
      const outs = defaultRoutes(before).filter(([, { Properties }]) => Properties.NatGatewayId !== undefined)
      expect(outs).toHaveLength(deployment.azCount)
      for (const [id, { Properties }] of outs) {
        expect(after?.Resources[id]?.Properties).toEqual({
          DestinationCidrBlock: '0.0.0.0/0',
          RouteTableId: Properties.RouteTableId,
          VpcEndpointId: endpointOf(expect.any(String)),
        })
      }
    }
  })

  it("leads out through the zone's own firewall and NAT gateway, and back the same way", () => {
    for (const { after } of cells) {
      const firewalls = resourcesOf(after, 'AWS::NetworkFirewall::Firewall')
      expect(firewalls).toHaveLength(deployment.azCount)
      for (const [id, { Properties }] of firewalls) {
        const [{ SubnetId }, ...others] = Properties.SubnetMappings
        expect(others).toEqual([])
        const subnetOf = (logicalId: string) => after?.Resources[logicalId]?.Properties
        const zone = subnetOf(SubnetId.Ref).AvailabilityZone
        // Private subnet -> firewall.
        const [, out] =
          defaultRoutes(after).find(([, route]) => JSON.stringify(route.Properties.VpcEndpointId) === JSON.stringify(endpointOf(id))) ?? []
        const privateSubnet = subnetOf(subnetWith(after, out?.Properties.RouteTableId))
        expect(privateSubnet.AvailabilityZone).toEqual(zone)
        // Firewall -> NAT.
        const [, toNat] = defaultRoutes(after).find(([, route]) => subnetWith(after, route.Properties.RouteTableId) === SubnetId.Ref) ?? []
        const nat = after?.Resources[toNat?.Properties.NatGatewayId['Fn::GetAtt'][0]]?.Properties
        const natSubnet = subnetOf(nat.SubnetId.Ref)
        expect(natSubnet.AvailabilityZone).toEqual(zone)
        // NAT -> firewall -> private subnet, and by no other route of the network.
        const back = resourcesOf(after, 'AWS::EC2::Route').filter(
          ([, route]) => route.Properties.DestinationCidrBlock === privateSubnet.CidrBlock,
        )
        expect(back.map(([, route]) => route.Properties.VpcEndpointId)).toEqual([endpointOf(id)])
        expect(subnetWith(after, back[0]?.[1].Properties.RouteTableId)).toBe(nat.SubnetId.Ref)
      }
      // A public subnet sends to tasks directly, as before: what load balancers say is not half seen.
      expect(resourcesOf(after, 'AWS::EC2::NatGateway')).toHaveLength(deployment.azCount)
    }
  })

  it('lets out what the DNS firewall lets resolve, and drops the rest', () => {
    for (const { after } of cells) {
      const { FirewallPolicy: policy } = theResource(after, 'AWS::NetworkFirewall::FirewallPolicy').Properties
      expect(policy).toMatchObject({
        StatelessDefaultActions: ['aws:forward_to_sfe'],
        StatelessFragmentDefaultActions: ['aws:forward_to_sfe'],
        StatefulDefaultActions: ['aws:drop_established', 'aws:alert_established'],
        StatefulEngineOptions: { RuleOrder: 'STRICT_ORDER' },
        PolicyVariables: { RuleVariables: { HOME_NET: { Definition: ['10.0.0.0/16'] } } },
      })
      const groups = policy.StatefulRuleGroupReferences.toSorted(
        (a: { Priority: number }, b: { Priority: number }) => a.Priority - b.Priority,
      ).map(({ ResourceArn }: { ResourceArn: { 'Fn::GetAtt': [string] } }) => after?.Resources[ResourceArn['Fn::GetAtt'][0]]?.Properties)
      expect(groups[0].RuleGroup.RulesSource.StatefulRules).toMatchObject(
        ['UDP', 'ICMP'].map((Protocol) => ({ Action: 'DROP', Header: { Protocol, Source: '10.0.0.0/16', Destination: 'ANY' } })),
      )
      const { RulesSource, RuleVariables } = groups[1].RuleGroup
      expect(RuleVariables.IPSets.HOME_NET.Definition).toEqual(['10.0.0.0/16'])
      expect(RulesSource.RulesSourceList).toMatchObject({ GeneratedRulesType: 'ALLOWLIST', TargetTypes: ['TLS_SNI', 'HTTP_HOST'] })
      const allowed: string[] = after?.Resources.AllowedHosts?.Properties.Domains
      expect(RulesSource.RulesSourceList.Targets).toEqual(allowed.map((host) => host.replace('*.', '.')))
      expect(RulesSource.RulesSourceList.Targets).not.toContain('.')
    }
  })

  it('is protected against deletion, and logs in its region what it dropped', () => {
    for (const { names, after } of cells) {
      for (const [id, { Properties }] of resourcesOf(after, 'AWS::NetworkFirewall::Firewall')) {
        expect(Properties).toMatchObject({ DeleteProtection: true, SubnetChangeProtection: true })
        const logging = resourcesOf(after, 'AWS::NetworkFirewall::LoggingConfiguration').filter(
          ([, log]) => log.Properties.FirewallArn['Fn::GetAtt'][0] === id,
        )
        const [destination] = logging.map(([, log]) => log.Properties.LoggingConfiguration.LogDestinationConfigs[0])
        expect(destination).toMatchObject({ LogType: 'ALERT', LogDestinationType: 'CloudWatchLogs' })
        expect(after?.Resources[destination.LogDestination.logGroup.Ref]?.Properties.LogGroupName).toBe(names.firewallLogs)
      }
    }
  })
}

const endpointOf = (firewall: unknown) => ({
  'Fn::Select': [1, { 'Fn::Split': [':', { 'Fn::Select': [0, { 'Fn::GetAtt': [firewall, 'EndpointIds'] }] }] }],
})

function defaultRoutes(template: Template | undefined): [string, Resource][] {
  return resourcesOf(template, 'AWS::EC2::Route').filter(([, { Properties }]) => Properties.DestinationCidrBlock === '0.0.0.0/0')
}

/** Logical id of the subnet that a route table is for. */
function subnetWith(template: Template | undefined, routeTable: unknown): string {
  const found = resourcesOf(template, 'AWS::EC2::SubnetRouteTableAssociation').find(
    ([, { Properties }]) => JSON.stringify(Properties.RouteTableId) === JSON.stringify(routeTable),
  )
  return found?.[1].Properties.SubnetId.Ref
}
