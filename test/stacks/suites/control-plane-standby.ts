import { readFileSync } from 'node:fs'
import { controlNames, publicNames, sharedNames, stackNames } from '../../../config/names.ts'
import { ONE_REGION, resourcesOf, type Synthesized, synthesize, theResource } from '../synthesized.ts'
import { expectGuarded } from './control-plane.ts'
import { findingsIn } from './nag.ts'

const STANDBY = 'eu-central-1'

export function controlPlaneStandbySuite({ app, deployment, templates }: Synthesized): void {
  const stacks = stackNames(deployment)
  const names = sharedNames(deployment)
  const template = templates.get(stacks.controlPlaneStandby)
  const { control } = deployment.accounts
  const publisher = `arn:aws:iam::${control}:role/${names.publisherRole}`

  it('holds a key of its own, for the publisher alone: no copy of the home region’s', () => {
    expect(theResource(template, 'AWS::KMS::Alias').Properties.AliasName).toBe(names.bundleSigningKey)
    const { Properties } = theResource(template, 'AWS::KMS::Key')
    expect(Properties).toMatchObject({ KeySpec: 'ECC_NIST_P256', MultiRegion: false })
    expect(Properties.KeyPolicy.Statement[1].Condition).toEqual({ ArnEquals: { 'aws:PrincipalArn': publisher } })
  })

  it('holds the copy, which only S3 writes and only the publisher reads, and beside it an empty store', () => {
    expectGuarded(template, 'ControlStoreCopy', publisher, 'OnlyPublisherReads')
    const writer = `arn:aws:iam::${control}:role/${names.controlReplicationRole}`
    expectGuarded(template, 'ControlStoreCopy', writer, 'OnlyReplicationWrites')
    expectGuarded(template, 'StandbyControlStore', publisher, 'OnlyPublisherReadsAndWrites')
    for (const bucket of ['ControlStoreCopy', 'StandbyControlStore'])
      expect(template?.Resources[bucket]?.Properties.VersioningConfiguration).toEqual({ Status: 'Enabled' })
  })

  it('runs nothing while the home region does, and waits for no stack that would be lost with it', () => {
    expect(resourcesOf(template, 'AWS::ECS::Service')).toEqual([])
    expect(resourcesOf(template, 'AWS::EC2::VPC')).toEqual([])
    const standby = app.node.tryFindChild(stacks.controlPlaneStandby) as unknown as { dependencies: { stackName: string }[] }
    expect(standby.dependencies.map(({ stackName }) => stackName)).toEqual([])
  })

  it('is not there when config names no standby region, and then nothing is copied', () => {
    const { templates: without } = synthesize({ ...ONE_REGION, controlPlane: {} })
    expect(without.has(stacks.controlPlaneStandby)).toBe(false)
    expect(without.get(stacks.controlPlane)?.Resources.ControlStore?.Properties.ReplicationConfiguration).toBeUndefined()
    expect(JSON.stringify(without.get(stacks.controlPlane))).not.toContain('InStandby')
  }, 60_000)

  describe('after the move', () => {
    const controlZone = { hostedZoneId: 'Z0123456789ABC', nameServers: ['ns-1.awsdns-01.org', 'ns-2.awsdns-02.com'] }
    const changed = {
      ...ONE_REGION,
      controlPlane: { standbyRegion: STANDBY, runsIn: 'standby', term: 2 } as const,
      environments: { prod: { accounts: { control, workload: deployment.accounts.workload }, controlZone } },
    }
    const moved = synthesize(changed)
    const standby = moved.templates.get(stacks.controlPlaneStandby)
    const home = moved.templates.get(stacks.controlPlane)

    it('runs the service there, as the publisher, with the home region’s store left as it is', () => {
      const task = theResource(standby, 'AWS::ECS::TaskDefinition').Properties
      expect(task.TaskRoleArn).toBe(publisher)
      const environment = Object.fromEntries(
        task.ContainerDefinitions[0].Environment.map(({ Name, Value }: Record<string, string>) => [Name, Value]),
      )
      expect(environment).toMatchObject({
        AEGIS_CONTROL_REGION: STANDBY,
        AEGIS_CONTROL_TERM: '2',
        AEGIS_STORE_BUCKET: names.standbyControlStore,
        AEGIS_STORE_COPY_BUCKET: names.controlStoreCopy,
        AWS_REGION: STANDBY,
      })
      expect(theResource(standby, 'AWS::ECS::Service').Properties).toMatchObject({ DesiredCount: 2 })
      expect(resourcesOf(home, 'AWS::ECS::Service')).toEqual([])
      expect(home?.Resources.ControlStore?.Properties).toEqual(templates.get(stacks.controlPlane)?.Resources.ControlStore?.Properties)
    })

    it('takes no name from a control plane that may come back', () => {
      const host = publicNames(deployment).control(STANDBY)
      expect(theResource(standby, 'AWS::Route53::RecordSet').Properties).toMatchObject({
        Name: `${host}.`,
        HostedZoneId: controlZone.hostedZoneId,
      })
      const { executionRole, logs, accessLogsBucket } = controlNames(deployment, deployment.homeRegion)
      const text = JSON.stringify(standby)
      for (const name of [executionRole, logs, accessLogsBucket, names.controlStore]) expect(text).not.toContain(`"${name}"`)
    })

    it('creates no role in the template that the lost region’s stack has', () => {
      const roles = (template = standby) => resourcesOf(template, 'AWS::IAM::Role').map(([, { Properties }]) => Properties.RoleName)
      expect(roles().filter((role) => role !== undefined && roles(templates.get(stacks.controlPlane)).includes(role))).toEqual([])
    })

    it('breaks no rule of the nag packs', () => {
      expect(findingsIn(moved).open).toEqual([])
    })

    it('hands the control plane’s zone over to the control account', () => {
      const delegation = resourcesOf(moved.templates.get(stacks.routing), 'AWS::Route53::RecordSet').filter(
        ([, { Properties }]) => Properties.Type === 'NS',
      )
      expect(delegation.map(([, { Properties }]) => Properties)).toMatchObject([
        { Name: `${publicNames(deployment).controlZone}.`, ResourceRecords: controlZone.nameServers },
      ])
      expect(moved.templates.get(stacks.controlPlaneStandby)?.Metadata?.['aegis:placeholders']).toBeUndefined()
    })
  })

  it('is described by a runbook that can be followed', () => {
    const runbook = readFileSync(new URL('../../../runbooks/control-plane-loss.md', import.meta.url), 'utf8')
    for (const word of ['controlPlane.runsIn', 'controlPlane.term', stacks.controlPlaneStandby, names.controlStoreCopy])
      expect(runbook).toContain(word)
  })
}
