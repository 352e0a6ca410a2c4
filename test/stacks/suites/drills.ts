import { DRILL_TAG, DRILLS, type Drill, drillNamespace, STOP_METRIC } from '../../../config/drills.ts'
import { cellNames, sharedNames, stackNames } from '../../../config/names.ts'
import { regionsOf } from '../../../config/schema.ts'
import { type Resource, resourcesOf, type Synthesized, type Template } from '../synthesized.ts'

/**
 * What cfn-lint does not know: the actions of AWS Fault Injection Service that are used here, each with the one target that it takes, the target's
 * resource type, and the parameters that it needs ("AWS FIS actions reference", AWS FIS user guide).
 */
const ACTIONS: Record<string, { target: string; resourceType: string; parameters: string[] }> = {
  'aws:network:disrupt-connectivity': { target: 'Subnets', resourceType: 'aws:ec2:subnet', parameters: ['duration', 'scope'] },
  'aws:dynamodb:global-table-pause-replication': { target: 'Tables', resourceType: 'aws:dynamodb:global-table', parameters: ['duration'] },
  'aws:ecs:stop-task': { target: 'Tasks', resourceType: 'aws:ecs:task', parameters: [] },
}

/** Faults of one template that FIS would find only when it is created or run. */
function faultsOf({ Properties: template }: Resource, alarms: ReadonlySet<string>): string[] {
  const faults: string[] = []
  for (const [name, { ActionId, Targets = {}, Parameters = {} }] of Object.entries<{
    ActionId: string
    Targets?: Record<string, string>
    Parameters?: Record<string, string>
  }>(template.Actions)) {
    const known = ACTIONS[ActionId]
    if (known === undefined) {
      faults.push(`${name}: no action ${ActionId}`)
      continue
    }
    if (Object.keys(Targets).join() !== known.target) faults.push(`${name}: needs the target ${known.target}`)
    for (const target of Object.values(Targets)) {
      const found = template.Targets[target]
      if (found === undefined) faults.push(`${name}: no target ${target}`)
      else if (found.ResourceType !== known.resourceType) faults.push(`${name}: ${target} is no ${known.resourceType}`)
    }
    if (Object.keys(Parameters).toSorted().join() !== known.parameters.join()) faults.push(`${name}: needs ${known.parameters}`)
    if (Parameters.duration !== undefined && !/^PT([1-9]|[1-5]\d)M$/.test(Parameters.duration))
      faults.push(`${name}: ${Parameters.duration} is no duration`)
  }
  for (const [name, { SelectionMode, ResourceArns, ResourceTags, Parameters }] of Object.entries<Record<string, unknown>>(
    template.Targets,
  )) {
    if (!/^(ALL|COUNT\([1-9]\d*\)|PERCENT\([1-9]\d?\))$/.test(String(SelectionMode)))
      faults.push(`${name}: ${SelectionMode} selects nothing`)
    if (ResourceArns === undefined && ResourceTags === undefined && Parameters === undefined) faults.push(`${name}: names no resource`)
  }
  const stops = template.StopConditions.filter(({ Source }: { Source: string }) => Source === 'aws:cloudwatch:alarm')
  if (stops.length === 0) faults.push('has no alarm that ends it')
  for (const { Value } of stops) if (!alarms.has(Value)) faults.push(`${Value}: no such alarm`)
  if (template.ExperimentOptions?.EmptyTargetResolutionMode !== 'fail') faults.push('passes when it hits nothing')
  if (template.LogConfiguration?.CloudWatchLogsConfiguration === undefined) faults.push('has no log')
  return faults
}

export function drillsSuite({ deployment, templates }: Synthesized): void {
  const cells = regionsOf(deployment).map(({ region, zone }) => {
    const template = templates.get(stackNames(deployment).drills(region))
    const experiments = resourcesOf(template, 'AWS::FIS::ExperimentTemplate').map(([, resource]) => resource)
    return { region, names: cellNames(deployment, region, zone), template, experiments }
  })
  const alarms = new Set(
    [...templates.values()].flatMap((template) =>
      resourcesOf(template, 'AWS::CloudWatch::Alarm').map(([, { Properties }]) => Properties.AlarmName),
    ),
  )
  const arnsIn = (region: string, account: string) =>
    new Set([...alarms].map((alarm) => `arn:aws:cloudwatch:${region}:${account}:alarm:${alarm}`))
  const experimentOf = (experiments: readonly Resource[], drill: Drill) =>
    experiments.find(({ Properties }) => Properties.Tags[DRILL_TAG] === drill)?.Properties

  it('has every drill in every region, with no fault that FIS would find later', () => {
    for (const { region, names, experiments } of cells) {
      expect(experiments.map(({ Properties }) => Properties.Tags[DRILL_TAG]).toSorted()).toEqual([...DRILLS].toSorted())
      for (const experiment of experiments) expect([region, faultsOf(experiment, arnsIn(region, names.account))]).toEqual([region, []])
    }
  })

  it('would see each kind of fault', () => {
    const [cell] = cells
    const planted = structuredClone(cell?.experiments[0] as Resource)
    const faults = (change: (properties: Resource['Properties']) => void) => {
      const changed = structuredClone(planted)
      change(changed.Properties)
      return faultsOf(changed, arnsIn(cell?.region ?? '', cell?.names.account ?? ''))
    }
    const action = 'region-isolation'
    expect(faults(({ Actions }) => { Actions[action].ActionId = 'aws:network:disrupt' })).toEqual([`${action}: no action aws:network:disrupt`]) // biome-ignore format: one fault a line
    expect(faults(({ Targets }) => { delete Targets.subnets })).toContain(`${action}: no target subnets`) // biome-ignore format: one fault a line
    expect(faults(({ Targets }) => { Targets.subnets.ResourceType = 'aws:ec2:vpc' })).toEqual([`${action}: subnets is no aws:ec2:subnet`]) // biome-ignore format: one fault a line
    expect(faults(({ Actions }) => { Actions[action].Parameters.duration = '8 minutes' })).toEqual([`${action}: 8 minutes is no duration`]) // biome-ignore format: one fault a line
    expect(faults(({ Targets }) => { Targets.subnets.SelectionMode = 'SOME' })).toEqual(['subnets: SOME selects nothing']) // biome-ignore format: one fault a line
    expect(faults((properties) => { properties.StopConditions = [{ Source: 'none' }] })).toEqual(['has no alarm that ends it']) // biome-ignore format: one fault a line
    expect(faults(({ StopConditions }) => { StopConditions[0].Value += 's' })[0]).toMatch(/no such alarm$/) // biome-ignore format: one fault a line
    expect(faults(({ ExperimentOptions }) => { ExperimentOptions.EmptyTargetResolutionMode = 'skip' })).toEqual(['passes when it hits nothing']) // biome-ignore format: one fault a line
  })

  it("isolates the cell's subnets by tags that its network stack wears, and nothing else", () => {
    for (const { region, experiments } of cells) {
      const { Targets } = experimentOf(experiments, 'region-isolation')
      expect(Targets.subnets.ResourceTags).toEqual({ 'aegis:deployment': deployment.name, 'aegis:environment': deployment.environment })
      // FIS finds what is in its own account: the control plane's network, which wears the tags too, is in another.
      const withSubnets = [...templates]
        .filter(([name]) => name !== stackNames(deployment).controlPlane)
        .filter(([, template]) => resourcesOf(template, 'AWS::EC2::Subnet').length > 0)
        .map(([name]) => name)
      expect(withSubnets).toContain(stackNames(deployment).network(region))
      expect(withSubnets).toHaveLength(cells.length)
    }
  })

  it("pauses the region's replica and kills the region's gateways, each by name", () => {
    for (const { region, names, experiments } of cells) {
      expect(experimentOf(experiments, 'replication-pause').Targets.replica.ResourceArns).toEqual([
        `arn:aws:dynamodb:${region}:${names.account}:table/${sharedNames(deployment).globalTable}`,
      ])
      expect(experimentOf(experiments, 'task-kill').Targets.gateways).toMatchObject({
        Parameters: { cluster: names.cluster, service: names.service },
        SelectionMode: 'PERCENT(50)',
      })
    }
  })

  it('can be ended in each region by one metric, without an id', () => {
    for (const { names, template, experiments } of cells) {
      const [[, { Properties: stop }] = ['', { Properties: {} }]] = resourcesOf(template, 'AWS::CloudWatch::Alarm')
      expect(stop).toMatchObject({
        AlarmName: names.alarm('drill-stop'),
        Namespace: drillNamespace(deployment),
        MetricName: STOP_METRIC,
        Threshold: 1,
        TreatMissingData: 'notBreaching',
      })
      expect(stop).not.toHaveProperty('Dimensions')
      for (const { Properties } of experiments)
        expect(JSON.stringify(Properties.StopConditions)).toContain(`:${names.alarm('drill-stop')}"`)
    }
  })

  it('gives each drill a role of its own that FIS alone takes for this account, with rights in this region alone', () => {
    for (const { region, names, template } of cells) {
      const roles = resourcesOf(template, 'AWS::IAM::Role')
      expect(roles.map(([, { Properties }]) => Properties.RoleName).toSorted()).toEqual(DRILLS.map(names.drillRole).toSorted())
      for (const [, { Properties }] of roles) {
        expect(Properties.AssumeRolePolicyDocument.Statement).toEqual([
          {
            Effect: 'Allow',
            Action: 'sts:AssumeRole',
            Principal: { Service: 'fis.amazonaws.com' },
            Condition: {
              StringEquals: { 'aws:SourceAccount': names.account },
              ArnLike: { 'aws:SourceArn': `arn:aws:fis:${region}:${names.account}:experiment/*` },
            },
          },
        ])
        expect(Properties).not.toHaveProperty('ManagedPolicyArns')
      }
      expect(unbounded(template, region)).toEqual([])
    }
  })

  it('would see a right that is bound to no region', () => {
    const policy = (Resource: string, Condition?: object) =>
      ({
        Resources: { P: { Type: 'AWS::IAM::Policy', Properties: { PolicyDocument: { Statement: [{ Sid: 'X', Resource, Condition }] } } } },
      }) as Template
    expect(unbounded(policy('*'), 'eu-west-1')).toEqual(['X'])
    expect(unbounded(policy('arn:aws:ec2:us-east-1:222222222222:subnet/*'), 'eu-west-1')).toEqual(['X'])
    expect(unbounded(policy('*', { StringEquals: { 'aws:RequestedRegion': 'eu-west-1' } }), 'eu-west-1')).toEqual([])
  })
}

/** Statements whose resources are neither of the region nor kept to it by a condition. */
function unbounded(template: Template | undefined, region: string): string[] {
  return resourcesOf(template, 'AWS::IAM::Policy').flatMap(([, { Properties }]) =>
    Properties.PolicyDocument.Statement.filter(
      ({ Resource, Condition }: { Resource: string | string[]; Condition?: object }) =>
        ![Resource].flat().every((arn) => arn.split(':')[3] === region) && !JSON.stringify(Condition ?? {}).includes(region),
    ).map(({ Sid }: { Sid: string }) => Sid),
  )
}
