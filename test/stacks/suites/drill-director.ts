import { DRILLS, STOP_METRIC } from '../../../config/drills.ts'
import { cellNames, directorNames, drillParameterOf, stackNames, watchNames } from '../../../config/names.ts'
import { regionsOf, watchingRegions } from '../../../config/schema.ts'
import { resourcesOf, type Synthesized, theResource } from '../synthesized.ts'

interface Step {
  name: string
  action: string
  timeoutSeconds: number
  onFailure?: string
  onCancel?: string
  nextStep?: string
  isEnd?: boolean
  inputs: { Runtime: string; Handler: string; Script: string; InputPayload: Record<string, unknown> }
  outputs: { Name: string; Selector: string; Type: string }[]
}

interface Document {
  parameters: Record<string, { allowedValues?: string[]; default?: string }>
  mainSteps: Step[]
}

/** Forms that EventBridge Scheduler takes ("Schedule types in EventBridge Scheduler"). cfn-lint takes `rate(5 minute)` too. */
export const SCHEDULE = /^(rate\((1 (minute|hour|day)|([2-9]|[1-9]\d+) (minutes|hours|days))\)|cron\((\S+ ){5}\S+\))$/

export function drillDirectorSuite({ deployment, templates }: Synthesized): void {
  const template = templates.get(stackNames(deployment).drillDirector)
  const names = directorNames(deployment)
  const regions = regionsOf(deployment).map(({ region }) => region)
  const { workload: account } = deployment.accounts
  const documents = new Map<string, Document>(
    resourcesOf(template, 'AWS::SSM::Document').map(([, { Properties }]) => [Properties.Name, Properties.Content]),
  )
  const drill = documents.get(names.drillDocument) as Document
  const stop = documents.get(names.stopDocument) as Document

  it('runs outside of every region that it can fault', () => {
    expect(regions).not.toContain(deployment.routingRegion)
    for (const { parameters } of [drill, stop]) expect(parameters.FaultedRegion?.allowedValues).toEqual(regions)
  })

  it('starts, watches and records, and stops what is cut short', () => {
    expect(
      drill.mainSteps.map(({ name, nextStep, onFailure, isEnd }) => [name, nextStep ?? (isEnd ? 'end' : '?'), onFailure ?? '']),
    ).toEqual([
      ['start', 'watch', 'Abort'],
      ['watch', 'record', 'step:stop'],
      ['record', 'end', ''],
      ['stop', 'end', ''],
    ])
    expect(stop.mainSteps.map(({ name }) => name)).toEqual(['stop'])
  })

  it('gives every script its handler, and an input for everything that it reads', () => {
    for (const { name, action, timeoutSeconds, inputs } of [...drill.mainSteps, ...stop.mainSteps]) {
      expect([name, action, inputs.Runtime, timeoutSeconds <= 600]).toEqual([name, 'aws:executeScript', 'python3.11', true])
      expect(inputs.Script).toContain(`def ${inputs.Handler}(events, context):`)
      const read = [...inputs.Script.matchAll(/events\["(\w+)"\]/g)].map(([, key]) => key)
      expect([name, read.filter((key) => !((key as string) in inputs.InputPayload))]).toEqual([name, []])
    }
  })

  it('hands on only what an earlier step gives, by names that its script returns', () => {
    const given = new Map(drill.mainSteps.map(({ name, outputs }) => [name, outputs.map(({ Name }) => Name)]))
    for (const { name, inputs, outputs } of drill.mainSteps) {
      for (const [, step = '', output = ''] of JSON.stringify(inputs.InputPayload).matchAll(/\{\{ (\w+)\.(\w+) \}\}/g))
        expect([name, given.get(step)]).toEqual([name, expect.arrayContaining([output])])
      for (const { Name, Selector } of outputs) {
        expect(Selector).toBe(`$.Payload.${Name}`)
        expect(inputs.Script).toContain(`"${Name}":`)
      }
    }
  })

  it('watches from both watching regions by alarms that exist, and looks for templates where the drills stacks put them', () => {
    const [start] = drill.mainSteps
    const { Watching, AlarmPrefix, Parameter } = (start?.inputs.InputPayload ?? {}) as Record<string, string>
    expect(Watching).toEqual(watchingRegions(deployment))
    for (const watching of watchingRegions(deployment)) {
      const alarms = resourcesOf(templates.get(stackNames(deployment).observability(watching)), 'AWS::CloudWatch::Alarm')
      for (const region of regions)
        expect(alarms.map(([, { Properties }]) => Properties.AlarmName)).toContain(
          watchNames(deployment, watching).alarm('probe-failed', region),
        )
    }
    expect(
      watchNames(deployment, '')
        .alarm('probe-failed', 'eu-west-1')
        .startsWith(AlarmPrefix ?? '?'),
    ).toBe(true)
    for (const { region, zone } of regionsOf(deployment)) {
      const parameters = resourcesOf(templates.get(stackNames(deployment).drills(region)), 'AWS::SSM::Parameter')
      const found = parameters.map(([, { Properties }]) => Properties.Name)
      for (const one of DRILLS) {
        expect(found).toContain(Parameter?.replace('{{ FaultedRegion }}', region).replace('{{ Drill }}', one))
        expect(cellNames(deployment, region, zone).drillParameter(one)).toBe(drillParameterOf(deployment, region, one))
      }
    }
  })

  it('presses the button that the alarms of the drills listen to', () => {
    const [step] = stop.mainSteps
    const { Namespace, Metric } = step?.inputs.InputPayload ?? {}
    for (const region of regions) {
      const alarm = theResource(templates.get(stackNames(deployment).drills(region)), 'AWS::CloudWatch::Alarm').Properties
      expect([alarm.Namespace, alarm.MetricName]).toEqual([Namespace, Metric])
    }
    expect(Metric).toBe(STOP_METRIC)
  })

  it('locks evidence, written by the director alone', () => {
    expect(template?.Resources.EvidenceBucket?.Properties).toMatchObject({
      BucketName: names.evidenceBucket,
      ObjectLockEnabled: true,
      ObjectLockConfiguration: { Rule: { DefaultRetention: { Days: deployment.auditRetentionDays, Mode: 'GOVERNANCE' } } },
      VersioningConfiguration: { Status: 'Enabled' },
    })
    expect(theResource(template, 'AWS::S3::BucketPolicy').Properties.PolicyDocument.Statement).toEqual(
      expect.arrayContaining([
        expect.objectContaining({
          Sid: 'OnlyDirectorWrites',
          Effect: 'Deny',
          Condition: { ArnNotEquals: { 'aws:PrincipalArn': [`arn:aws:iam::${account}:role/${names.role}`] } },
        }),
        expect.objectContaining({ Sid: 'NobodyBypassesTheLock', Effect: 'Deny' }),
      ]),
    )
  })

  it('faults serving regions alone, and only by templates and experiments that wear our tags', () => {
    const [, policy] = resourcesOf(template, 'AWS::IAM::Policy').find(([id]) => id.startsWith('Role')) ?? []
    const statements: {
      Sid: string
      Action: string | string[]
      Resource: string | string[]
      Condition?: Record<string, Record<string, unknown>>
    }[] = policy?.Properties.PolicyDocument.Statement
    const faulting = statements.filter(({ Action }) => [Action].flat().some((action) => /^fis:(Start|Stop|Get|Tag)/.test(action)))
    expect(faulting.length).toBeGreaterThan(0)
    for (const { Sid, Resource, Condition } of faulting) {
      expect([
        Sid,
        [Resource]
          .flat()
          .map((arn) => arn.split(':')[3])
          .toSorted(),
      ]).toEqual([Sid, regions.toSorted()])
      const { 'aws:RequestedRegion': there, ...tags } = Condition?.StringEquals ?? {}
      expect([Sid, there]).toEqual([Sid, regions])
      expect([Sid, Object.values(tags)]).toEqual([Sid, [deployment.name, deployment.environment]])
      for (const key of Object.keys(tags)) expect(key).toMatch(/^aws:(Resource|Request)Tag\/aegis:/)
    }
    // Whatever it calls by another region than its own, the scripts name.
    const called = [
      ...[...drill.mainSteps, ...stop.mainSteps]
        .map(({ inputs }) => inputs.Script)
        .join('\n')
        .matchAll(/client\("(\w+)"/g),
    ]
    expect([...new Set(called.map(([, service]) => service))].toSorted()).toEqual(['cloudwatch', 'fis', 's3', 'ssm'])
  })

  it('would see a schedule that EventBridge refuses and cfn-lint takes', () => {
    for (const wrong of ['rate(5 minute)', 'rate(1 minutes)', 'rate(0 minutes)', 'cron(0 9 * * TUE)']) expect(wrong).not.toMatch(SCHEDULE)
    for (const right of ['rate(5 minutes)', 'rate(1 hour)', 'cron(0 9 ? * TUE#1 *)']) expect(right).toMatch(SCHEDULE)
  })

  it('has a schedule for every drill on every region, each disabled and in a form that EventBridge takes', () => {
    const schedules = resourcesOf(template, 'AWS::Scheduler::Schedule').map(([, { Properties }]) => Properties)
    expect(schedules.map(({ Name }) => Name).toSorted()).toEqual(
      regions.flatMap((region) => DRILLS.map((one) => names.schedule(one, region))).toSorted(),
    )
    for (const { State, ScheduleExpression, Target, GroupName } of schedules) {
      expect([State, GroupName]).toEqual(['DISABLED', names.scheduleGroup])
      expect(ScheduleExpression).toMatch(SCHEDULE)
      const { DocumentName, Parameters } = JSON.parse(Target.Input)
      expect(DocumentName).toBe(names.drillDocument)
      // SSM takes a list for every parameter, and refuses one that the document does not have.
      expect(Object.keys(Parameters).toSorted()).toEqual(Object.keys(drill.parameters).toSorted())
      for (const value of Object.values(Parameters)) expect(value).toEqual([expect.any(String)])
      expect(drill.parameters.FaultedRegion?.allowedValues).toContain(Parameters.FaultedRegion[0])
      expect(drill.parameters.Drill?.allowedValues).toContain(Parameters.Drill[0])
    }
  })
}
