import { deployment as input } from '../../config/deployment.ts'
import { stackNames } from '../../config/names.ts'
import type { DeploymentInput } from '../../config/schema.ts'
import { STAGES } from '../../config/stages.ts'
import { changedStacks, changedTypes, replicasOf, STATEFUL_TYPES, statefulLosses } from './differences.ts'
import { physicalNames, sharedPhysicalNames } from './physical-names.ts'
import { type Resource, type Synthesized, synthesize, type Template } from './synthesized.ts'

// What a change of the configuration does to templates that are deployed. Each app is synthesized once, as that takes seconds.

const prod = input.environments.prod as DeploymentInput['environments'][string]
const inProd = (environment: object, more: Partial<DeploymentInput> = {}) =>
  synthesize({ ...more, environments: { prod: { ...prod, ...environment } } })

const whole = synthesize()
const names = stackNames(whole.deployment)
const SCALING = 'AWS::ApplicationAutoScaling::ScalingPolicy'
const table = (app: Synthesized) => replicasOf(app.templates.get(names.globalState))
/** After the last deploy: with every replica there. */
const settled = inProd({ stage: 'tenant-binding', deployedReplicas: ['eu-west-1', 'eu-central-1', 'us-east-1', 'ap-southeast-1'] })

describe('the migration', () => {
  const steps = [
    inProd({ stage: 'single-region-shadow' }),
    inProd({ stage: 'single-region-enforce', deployedReplicas: ['eu-west-1'] }),
    inProd({ stage: 'multi-region', deployedReplicas: ['eu-west-1'], regions: ['eu-west-1', 'eu-central-1'] }),
    inProd({ stage: 'multi-region', deployedReplicas: ['eu-west-1', 'eu-central-1', 'us-east-1'] }),
    settled,
  ]
  const pairs = steps.slice(1).map((after, index) => [steps[index] as Synthesized, after] as const)

  it('has a synthesized step for every stage', () => {
    expect(new Set(steps.map(({ deployment }) => deployment.stage))).toEqual(new Set(STAGES))
  })

  it('has one cell at the single-region stages, and nothing of another', () => {
    for (const { templates } of steps.slice(0, 2)) {
      const cells = [...templates.keys()].filter((stack) => stack.startsWith('aegis-prod-gateway-'))
      expect(cells).toEqual([names.gateway('eu-west-1')])
      for (const [stack, template] of templates) {
        // A tool without an endpoint near has one abroad, and its name is let out.
        const { AllowedHosts: _, ...Resources } = template.Resources
        const text = JSON.stringify(Resources)
        expect([stack, ['eu-central-1', 'us-east-1', 'ap-southeast-1'].filter((region) => text.includes(`prod-${region}`))]).toEqual([
          stack,
          [],
        ])
      }
    }
  })

  it('answers for the zone and for the global name with one record while there is one cell', () => {
    const records = Object.values(steps[0]?.templates.get(names.routing)?.Resources ?? {}).filter(
      ({ Type }) => Type === 'AWS::Route53::RecordSet',
    )
    expect(records.map(({ Properties }) => [Properties.Name, Properties.SetIdentifier]).toSorted()).toEqual([
      ['eu.aegis.example.', 'eu-west-1'],
      ['global.aegis.example.', 'eu-west-1'],
    ])
  })

  it('removes and replaces nothing stateful from one stage to the next', () => {
    for (const [before, after] of pairs) {
      expect(statefulLosses(before.templates, after.templates)).toEqual([])
      expect(changedStacks(before.templates, after.templates).removed).toEqual([])
    }
  })

  it('changes no template between shadow and enforcing: what is signed changes, not what is deployed', () => {
    const [shadow, enforce] = pairs[0] ?? []
    expect(changedStacks(shadow?.templates ?? new Map(), enforce?.templates ?? new Map())).toEqual({ changed: [], added: [], removed: [] })
  })

  it('leaves the first cell as it is when regions join', () => {
    for (const [before, after] of pairs) {
      const { changed, added } = changedStacks(before.templates, after.templates)
      expect(changed.filter((stack) => stack.endsWith('-eu-west-1'))).toEqual(
        // The dashboard and probes of the home region look at every region, and how full its gateways may be depends on who else is there.
        added.length === 0 ? [] : [names.gateway('eu-west-1'), names.observability('eu-west-1')],
      )
      expect(changedTypes(before.templates, after.templates, names.gateway('eu-west-1'))).toEqual(added.length === 0 ? [] : [SCALING])
    }
  })

  it('ends with the templates of a deployment that was whole from the first day, but for replicas that take their policy later', () => {
    const last = steps.at(-1) as Synthesized
    expect(changedStacks(last.templates, whole.templates)).toEqual({ changed: [names.globalState], added: [], removed: [] })
    expect(table(last)).toEqual(table(whole))
  })

  it('would see a stateful resource that is removed or replaced, of each type', () => {
    const [before] = steps as [Synthesized]
    for (const type of new Set(
      [...whole.templates.values()].flatMap(({ Resources }) => Object.values(Resources).map(({ Type }) => Type)),
    )) {
      if (!STATEFUL_TYPES.includes(type)) continue
      const [stack, id] = find(before.templates, type)
      const gone = altered(before.templates, stack, (resources) => {
        delete resources[id]
      })
      expect(statefulLosses(before.templates, gone)).toEqual([`${stack}/${id} is removed`])
      const property =
        { 'AWS::KMS::Key': 'KeySpec', 'AWS::S3::Bucket': 'BucketName', 'AWS::DynamoDB::GlobalTable': 'KeySchema' }[type] ?? 'Name'
      const replaced = altered(before.templates, stack, (resources) => {
        Object.assign((resources[id] as Resource).Properties, { [property]: 'other' })
      })
      expect(statefulLosses(before.templates, replaced)).toEqual([`${stack}/${id} is replaced: ${property} changes`])
    }
  })
})

describe('a region more', () => {
  const once = ['control-plane', 'drill-director', 'global-state', 'observability-eu-north-1', 'observability-eu-west-1', 'routing']
  const deployedReplicas = table(settled)
  const before = settled
  const inZone = inProd(
    { deployedReplicas },
    { zones: { ...input.zones, us: { regions: ['us-east-1', 'us-west-2'], standby: 'us-west-2' } } },
  )
  const newZone = inProd({ deployedReplicas }, { zones: { ...input.zones, ca: { regions: ['ca-central-1'] } } })

  it.each([
    ['in a zone', inZone, 'us-west-2', ['zone-us']],
    ['in a new zone', newZone, 'ca-central-1', []],
  ] as const)(
    '%s adds its cell, changes what names every region, and of another cell how full its gateways may be',
    (_, after, region, zones) => {
      const { changed, added, removed } = changedStacks(before.templates, after.templates)
      const cells = Object.values(input.zones).flatMap(({ regions }) => regions.map(names.gateway))
      expect(changed).toEqual([...[...once, ...zones].map((kind) => `aegis-prod-${kind}`), ...cells].sort())
      // With one more to take over, each may be fuller. As it was before it is safe too, so nobody has to hurry.
      for (const cell of cells) expect([cell, changedTypes(before.templates, after.templates, cell)]).toEqual([cell, [SCALING]])
      const cell = ['bundle-store', 'drills', 'gateway', 'keys', 'network', 'residency-store'].map((kind) => `aegis-prod-${kind}-${region}`)
      expect(added).toEqual([...cell, ...(zones.length === 0 ? ['aegis-prod-zone-ca'] : [])])
      expect(removed).toEqual([])
      expect(statefulLosses(before.templates, after.templates)).toEqual([])
      expect(table(after)).toEqual([...table(before), region].sort())
    },
  )

  it('needs no stack of another region to be deployed', () => {
    const assembly = whole.app.synth()
    for (const region of Object.values(input.zones).flatMap(({ regions }) => regions)) {
      const stacks = assembly.stacks.filter(({ stackName }) => new RegExp(`^aegis-prod-.*-${region}$`).test(stackName))
      const strangers = stacks
        .flatMap(({ dependencies }) => dependencies.map(({ id }) => id))
        .filter((id) => !id.endsWith('.assets') && !id.endsWith(region))
      expect([region, strangers]).toEqual([region, []])
    }
  })
})

describe('two environments in the same accounts', () => {
  const dev = synthesize({ environments: { dev: { ...prod, domain: 'dev.aegis.example' } } })
  const ours = physicalNames(whole.templates)

  it('share no name of anything', () => {
    expect(sharedPhysicalNames(ours, physicalNames(dev.templates)).filter((name) => !ALIKE.test(name))).toEqual([])
    expect([...dev.templates.keys()].filter((stack) => whole.templates.has(stack))).toEqual([])
  })

  it('would see a name that both have, of whatever kind', () => {
    for (const kind of new Set(ours.map((one) => one.kind))) {
      const planted = ours.find((one) => one.kind === kind)
      expect(sharedPhysicalNames(ours, [...physicalNames(dev.templates), planted as (typeof ours)[number]])).toContain(
        `${kind} ${planted?.name}`,
      )
    }
  })

  it('finds names of the kinds that AWS holds unique in an account, or in the world', () => {
    const kinds = new Set(ours.map(({ kind }) => kind))
    for (const kind of [
      'AWS::DynamoDB::GlobalTable.TableName',
      'AWS::S3::Bucket.BucketName',
      'AWS::IAM::Role.RoleName',
      'AWS::KMS::Alias.AliasName',
      'AWS::Logs::LogGroup.LogGroupName',
      'AWS::CloudWatch::Alarm.AlarmName',
      'AWS::SSM::Document.Name',
      'AWS::ECS::Cluster.ClusterName',
      'AWS::Route53::RecordSet.Name',
      'AWS::Budgets::Budget.BudgetName',
      'AWS::SecretsManager::Secret.Name',
    ])
      expect([kind, kinds.has(kind)]).toEqual([kind, true])
  })
})

/** Names within something that has the environment in its own name: a group of schedules, a role, a service. */
const ALIKE = /^AWS::(Scheduler::Schedule\.Name|IAM::Policy\.PolicyName|ApplicationAutoScaling::ScalingPolicy\.PolicyName) /

function find(templates: ReadonlyMap<string, Template>, type: string): [stack: string, logicalId: string] {
  for (const [stack, { Resources }] of templates)
    for (const [id, { Type }] of Object.entries(Resources)) if (Type === type) return [stack, id]
  throw new Error(`no ${type}`)
}

function altered(templates: ReadonlyMap<string, Template>, stack: string, change: (resources: Record<string, Resource>) => void) {
  const copy = structuredClone(templates.get(stack)) as Template
  change(copy.Resources)
  return new Map([...templates, [stack, copy] as const])
}
