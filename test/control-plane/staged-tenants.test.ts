import { describe, expect, test } from '@jest/globals'
import { STAGES } from '../../config/stages.ts'
import { changeDirectory } from '../../runtime/control-plane/directory/change.ts'
import { emptyDirectory } from '../../runtime/control-plane/directory/state.ts'
import type { PlaneOptions } from '../../runtime/control-plane/plane.ts'
import { atStage } from '../../runtime/control-plane/staged-tenants.ts'
import type { Tenant } from '../../runtime/model/zones.ts'
import { verifyDirectory } from '../../runtime/policy/directory.ts'
import { directoryKey } from '../../runtime/state/pointers.ts'
import { context } from './directory/world.ts'
import { demoSources, testPlane } from './test-plane.ts'

const tenant: Tenant = { id: 'acme', zone: 'eu', homeRegion: 'eu-west-1', binding: 'zone', mode: 'enforce', residency: 'observe' }

describe('a tenant at a stage of the migration', () => {
  test('is in shadow mode at the first, and as written from then on', () => {
    expect(STAGES.map((stage) => atStage(tenant, stage).mode)).toEqual(['shadow', 'enforce', 'enforce', 'enforce'])
    expect(STAGES.map((stage) => atStage({ ...tenant, mode: 'shadow' }, stage).mode)).toEqual(STAGES.map(() => 'shadow'))
  })

  test('is never softened in residency by a stage, and no longer by its own entry at the last', () => {
    expect(STAGES.map((stage) => atStage(tenant, stage).residency)).toEqual(['observe', 'observe', 'observe', 'enforce'])
    expect(STAGES.map((stage) => atStage({ ...tenant, residency: 'enforce' }, stage).residency)).toEqual(STAGES.map(() => 'enforce'))
  })

  test('is served where its binding says, at every stage', () => {
    for (const stage of STAGES)
      for (const binding of ['none', 'zone', 'region'] as const)
        expect(atStage({ ...tenant, binding }, stage)).toMatchObject({ binding, zone: 'eu', homeRegion: 'eu-west-1' })
  })
})

describe('a change of the directory', () => {
  const fields = { zone: 'eu', home_region: 'eu-west-1', binding: 'zone', mode: 'enforce', residency: 'observe' } as const
  const tenants = 'acme: { zone: eu, home_region: eu-west-1, binding: zone, residency: observe }\n'
  const told = 'acme: residency observe is for stages before tenant-binding, at which every tenant'

  test('refuses residency observe at the last stage, which is the default', () => {
    expect(() => changeDirectory(emptyDirectory(), { kind: 'put_tenant', id: 'acme', fields }, context)).toThrow(told)
    expect(() => changeDirectory(emptyDirectory(), { kind: 'import', tenants }, { ...context, agents: [] })).toThrow(
      `tenants.yaml: ${told}`,
    )
  })

  test.each(STAGES.slice(0, -1))('takes it at %s', (stage) => {
    const put = changeDirectory(emptyDirectory(), { kind: 'put_tenant', id: 'acme', fields }, { ...context, stage })
    expect(put.tenants.acme).toMatchObject({ residency: 'observe' })
    const imported = changeDirectory(emptyDirectory(), { kind: 'import', tenants }, { ...context, stage, agents: [] })
    expect(imported.tenants.acme).toMatchObject({ residency: 'observe' })
  })
})

describe('a control plane', () => {
  const directoryAt = async (more: Partial<PlaneOptions>) => {
    const test = await testPlane(more)
    // Before anything is read from them, the regions that are not there.
    for (const cell of test.cells.slice(1)) cell.down = true
    await test.plane.publishing.atOnce({ to: await test.register(demoSources()), by: 'ana', reason: 'first', kind: 'published' })
    await test.plane.settle()
    const home = test.cell('eu-west-1')
    const digest = (await home.readPointers('eu-west-1')).stable?.directoryDigest ?? ''
    const jws = Buffer.from((await home.objects.get(directoryKey(digest))) ?? []).toString()
    return verifyDirectory(jws, { trust: test.trust, zone: 'eu', nowMs: test.nowMs, minSeq: 0 })
  }

  test('signs what the stage says, and which regions are not there', async () => {
    const absent = ['eu-central-1', 'us-east-1', 'ap-southeast-1']
    const directory = await directoryAt({ stage: 'single-region-shadow', absent })
    expect([...directory.tenants.values()].map(({ id, mode, residency }) => [id, mode, residency])).toEqual([
      ['acme-eu', 'shadow', 'enforce'],
      ['clinic-eu', 'shadow', 'enforce'],
      ['umbrella', 'shadow', 'enforce'],
    ])
    expect(directory.absent).toEqual(absent)
    expect(new Set(directory.grants.map(({ region }) => region))).toEqual(new Set(['eu-west-1']))
  })

  test('softens nothing of itself where no stage is named', async () => {
    const directory = await directoryAt({})
    expect(new Set([...directory.tenants.values()].map(({ mode }) => mode))).toEqual(new Set(['enforce']))
    expect(directory.absent).toEqual([])
  })
})
