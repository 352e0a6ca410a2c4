import { expect, test } from '@jest/globals'
import type { DirectoryChange } from '../../../runtime/control-plane/directory/change.ts'
import { changeAnyVersion, type DirectoryDesk, memoryDesk } from '../../../runtime/control-plane/directory/desk.ts'
import { DirectoryRefusedError, StaleDirectoryError } from '../../../runtime/control-plane/directory/refusals.ts'
import { acme, context, filled, SECRET } from './world.ts'

const by = { iss: 'https://login.example', sub: 'ann' }
const make = (state = filled()) => memoryDesk({ clock: { now: () => 1000 }, context: () => context, state })
const lift = (kill_id: string): DirectoryChange => ({ kind: 'lift', kill_id })

test('of two changes made for one version one wins, and the other is told the version that is there', async () => {
  const desk = make()
  const orders = ['a', 'b'].map((id) => desk.change({ expects: 0, change: lift(id), by, reason: 'r' }))
  const [first, second] = await Promise.allSettled(orders)
  expect(first).toMatchObject({ status: 'fulfilled', value: { version: 1 } })
  expect(second).toMatchObject({ status: 'rejected', reason: expect.any(StaleDirectoryError) })
  expect((second as PromiseRejectedResult).reason.version).toBe(1)
  expect(desk.current().state.lifted).toEqual(['kill-1', 'a'])
})

test('refuses a version that is still to come', async () => {
  await expect(make().change({ expects: 1, change: lift('a'), by, reason: 'r' })).rejects.toThrow('the directory is at version 0')
})

test('audits who changed what, when, why and whose it was', async () => {
  const desk = make()
  const changes: [DirectoryChange, string | null][] = [
    [{ kind: 'put_tenant', id: 'new', fields: acme }, 'new'],
    [{ kind: 'put_client', id: 'support-agent', fields: { secret_sha256: SECRET } }, 'acme-eu'],
    [{ kind: 'remove_client', id: 'ops-agent' }, 'globex-us'],
    [{ kind: 'put_budget', id: 'ops-agent', fields: { amount: 1, reason: 'r' } }, 'globex-us'],
    [{ kind: 'remove_budget', id: 'finance-agent' }, 'acme-eu'],
    [{ kind: 'remove_bundle_reader', id: 'edge' }, null],
    [{ kind: 'remove_tenant', id: 'new' }, 'new'],
    [lift('kill-2'), null],
  ]
  for (const [index, [change]] of changes.entries())
    await desk.change({ expects: index, change, by: { ...by, ...{ roles: [] } }, reason: `r${index}` })
  expect(await desk.changes(0)).toEqual(
    changes.map(([change, tenant], index) => ({ version: index + 1, atMs: 1000, by, reason: `r${index}`, tenant, change })),
  )
  expect(await desk.changes(6)).toHaveLength(2)
})

test('a refused change, and one that changes nothing, leave no version behind', async () => {
  const desk = make()
  await expect(desk.change({ expects: 0, change: { kind: 'remove_tenant', id: 'acme-eu' }, by, reason: 'r' })).rejects.toThrow(
    DirectoryRefusedError,
  )
  await expect(desk.change({ expects: 0, change: lift('kill-1'), by, reason: 'r' })).resolves.toMatchObject({ version: 0 })
  expect(await desk.changes(0)).toEqual([])
})

test('a lift is made for whatever version is there, again when another was faster', async () => {
  const desk = make()
  let rivals = 3
  const contested: DirectoryDesk = {
    ...desk,
    async change(order) {
      if (rivals-- > 0) await desk.change({ expects: desk.current().version, change: lift(`rival-${rivals}`), by, reason: 'r' })
      return desk.change(order)
    },
  }
  await expect(changeAnyVersion(contested, { change: lift('mine'), by, reason: 'r' })).resolves.toMatchObject({ version: 4 })
  expect(desk.current().state.lifted).toContain('mine')
  const hopeless: DirectoryDesk = {
    ...desk,
    change: async ({ expects }) => Promise.reject(new StaleDirectoryError({ expects, version: expects + 1 })),
  }
  await expect(changeAnyVersion(hopeless, { change: lift('x'), by, reason: 'r' })).rejects.toThrow(StaleDirectoryError)
})
