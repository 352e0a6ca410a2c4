import { Stack } from 'aws-cdk-lib/core'
import { stackNames } from '../../../config/names.ts'
import { regionsOf, watchingRegions } from '../../../config/schema.ts'
import { STATEFUL_TYPES } from '../differences.ts'
import type { Synthesized, Template } from '../synthesized.ts'

/** What carries a value from one stack to another: none of it may be in any template. */
const CROSS_STACK = ['Fn::GetStackOutput', 'Fn::ImportValue', 'Custom::CrossRegion', '"Export"']

function crossStackTokens(template: unknown): string[] {
  const text = JSON.stringify(template)
  return CROSS_STACK.filter((token) => text.includes(token))
}

/** Regions that a cell's template names though they are not its own: a way out for what must stay. */
function foreignRegions(template: unknown, own: string, regions: readonly string[]): string[] {
  const text = JSON.stringify(template)
  return regions.filter((region) => region !== own && text.includes(region))
}

/** What holds data or keys, and its logical ids. CloudFormation replaces a resource whose logical id changes. */
const STATEFUL_IDS: Record<string, Record<string, string[]>> = {
  dns: { 'AWS::Route53::HostedZone': ['HostedZone'] },
  'global-state': { 'AWS::DynamoDB::GlobalTable': ['GlobalTable'] },
  'control-plane': { 'AWS::KMS::Key': ['BundleSigningKey'], 'AWS::S3::Bucket': ['ControlAccessLogs', 'ControlStore'] },
  'control-plane-standby': { 'AWS::KMS::Key': ['StandbySigningKey'], 'AWS::S3::Bucket': ['ControlStoreCopy', 'StandbyControlStore'] },
  'control-dns': { 'AWS::Route53::HostedZone': ['ControlHostedZone'] },
  keys: { 'AWS::KMS::Key': ['ApprovalKey', 'AuditKey', 'DataKey', 'DataProtectionKey', 'TokenKey'] },
  'bundle-store': { 'AWS::S3::Bucket': ['BundleBucket'] },
  'residency-store': {
    'AWS::DynamoDB::GlobalTable': [
      'ApprovalsTable',
      'AuditIndexTable',
      'ChainsTable',
      'IdempotencyTable',
      'RegionStateTable',
      'SlicesTable',
    ],
    'AWS::S3::Bucket': ['AccessLogsBucket', 'AuditBucket', 'InputsBucket'],
  },
  zone: { 'AWS::SecretsManager::Secret': ['PseudonymKey'] },
  network: {},
  gateway: {},
  routing: {},
  drills: {},
  'drill-director': { 'AWS::S3::Bucket': ['EvidenceBucket'] },
  observability: { 'AWS::S3::Bucket': ['ProbeBucket'] },
}

export function appSuite({ app, deployment, templates, assets }: Synthesized): void {
  const regions = regionsOf(deployment).map(({ region }) => region)
  const prefix = `${deployment.name}-${deployment.environment}-`
  const kindOf = (stack: string) => {
    const region = regions.find((name) => stack.endsWith(`-${name}`))
    const kind = stack.slice(prefix.length, region === undefined ? undefined : -region.length - 1)
    return kind.replace(/^zone-.*/, 'zone').replace(/^observability-.*/, 'observability')
  }

  it('has the stacks that the names promise, and no other', () => {
    const names = stackNames(deployment)
    const once = [
      ...[
        names.dns,
        names.controlDns,
        names.globalState,
        names.controlPlane,
        names.controlPlaneStandby,
        names.routing,
        names.drillDirector,
      ],
      ...Object.keys(deployment.zones).map(names.zone),
      ...watchingRegions(deployment).map(names.observability),
    ]
    const cells = regions.flatMap((region) => [
      names.keys(region),
      names.bundleStore(region),
      names.network(region),
      names.residencyStore(region),
      names.gateway(region),
      names.drills(region),
    ])
    expect([...templates.keys()].toSorted()).toEqual([...once, ...cells].toSorted())
  })

  it('passes no token between stacks', () => {
    for (const [stack, template] of templates) expect([stack, crossStackTokens(template)]).toEqual([stack, []])
  })

  it('would see each kind of token', () => {
    expect(crossStackTokens({ 'Fn::GetStackOutput': {} })).toEqual(['Fn::GetStackOutput'])
    expect(crossStackTokens({ 'Fn::ImportValue': 'x' })).toEqual(['Fn::ImportValue'])
    expect(crossStackTokens({ Type: 'Custom::CrossRegionExportReader' })).toEqual(['Custom::CrossRegion'])
    expect(crossStackTokens({ Outputs: { A: { Export: { Name: 'a' } } } })).toEqual(['"Export"'])
  })

  it("names no other region in a cell's stacks", () => {
    for (const region of regions) {
      for (const [stack, template] of templates) {
        // The view on all regions names them, and has no cell's data.
        if (!stack.endsWith(`-${region}`) || stack === stackNames(deployment).observability(region)) continue
        // A tool without an endpoint in the zone has one abroad, and the network has to let its name out: the guard judges what goes there.
        const { AllowedHosts: _, ...Resources } = template.Resources
        expect([stack, foreignRegions({ ...template, Resources }, region, regions)]).toEqual([stack, []])
      }
    }
  })

  it('would see a region that is not the own one', () => {
    const template = templates.get(stackNames(deployment).globalState)
    expect(foreignRegions(template, deployment.homeRegion, regions)).toEqual(regions.filter((region) => region !== deployment.homeRegion))
  })

  it('runs no Lambda', () => {
    const types = [...templates.values()].flatMap((template) => Object.values(template.Resources).map(({ Type }) => Type))
    expect(types.filter((type) => type.startsWith('Custom::') || type.startsWith('AWS::Lambda'))).toEqual([])
  })

  it('publishes nothing besides templates but the images, each into the region of its stack', () => {
    const published = [...assets]
      .toSorted(([one], [other]) => (one < other ? -1 : 1))
      .flatMap(([stack, { files, images }]) => [
        ...files.map((file) => [stack, file]),
        ...images.map(({ dockerFile, platform, region }) => [stack, dockerFile, platform, region]),
      ])
    const { controlPlane, gateway } = stackNames(deployment)
    expect(published.toSorted()).toEqual(
      [
        [controlPlane, 'runtime/control-plane/Dockerfile', 'linux/arm64', deployment.homeRegion],
        ...regions.flatMap((region) =>
          ['collector', 'gateway'].map((image) => [gateway(region), `runtime/${image}/Dockerfile`, 'linux/arm64', region]),
        ),
      ].toSorted(),
    )
  })

  it('tags every stack so that costs and faults can be told apart by region', () => {
    for (const stack of app.node.children.filter((child) => Stack.isStack(child))) {
      const tags = { 'aegis:deployment': deployment.name, 'aegis:environment': deployment.environment, 'aegis:region': stack.region }
      expect([stack.stackName, stack.tags.tagValues()]).toEqual([stack.stackName, tags])
    }
  })

  it('pins the logical id of everything stateful and retains it', () => {
    for (const [stack, template] of templates) {
      expect([stack, statefulIds(template)]).toEqual([stack, STATEFUL_IDS[kindOf(stack)]])
      for (const resource of Object.values(template.Resources)) {
        if (!STATEFUL_TYPES.includes(resource.Type)) continue
        // A resource that a failed first deploy made may go again, or the next try would find its name taken.
        expect(resource.DeletionPolicy).toMatch(/^Retain(ExceptOnCreate)?$/)
        expect(resource.UpdateReplacePolicy).toBe('Retain')
      }
    }
  })

  it('marks what is a placeholder in the stack that holds it', () => {
    const placeholders = Object.fromEntries(
      [...templates].flatMap(([stack, { Metadata }]) => (Metadata === undefined ? [] : [[stack, Metadata['aegis:placeholders']]])),
    )
    expect(placeholders).toEqual({
      [stackNames(deployment).routing]: ['hostedZoneId'],
      [stackNames(deployment).controlPlane]: ['controlZone'],
      ...Object.fromEntries(regions.map((region) => [stackNames(deployment).gateway(region), ['hostedZoneId', 'trustRoot']])),
    })
  })
}

function statefulIds(template: Template): Record<string, string[]> {
  const ids: Record<string, string[]> = {}
  for (const [logicalId, { Type }] of Object.entries(template.Resources).toSorted(([a], [b]) => (a < b ? -1 : 1))) {
    if (STATEFUL_TYPES.includes(Type)) ids[Type] = [...(ids[Type] ?? []), logicalId]
  }
  return ids
}
