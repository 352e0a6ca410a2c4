import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals'
import { bootstrap } from '../../runtime/control-plane/bootstrap.ts'
import { POLICIES_DIR } from '../../runtime/policy/build.ts'
import { limitAt } from './seen.ts'
import { sourcesWithLimit, type TestPlane, testPlane } from './test-plane.ts'

let plane: TestPlane
let documentsDir: string
beforeEach(async () => {
  documentsDir = mkdtempSync(join(tmpdir(), 'aegis-documents-'))
  cpSync(join(POLICIES_DIR, '../demo'), documentsDir, { recursive: true })
  plane = await testPlane()
  await start()
})
afterEach(() => rmSync(documentsDir, { recursive: true, force: true }))

/** What a process does when it starts over this folder. */
async function start() {
  await bootstrap({
    ...{ plane: plane.plane, registration: plane.registration, documentsDir, policiesDir: POLICIES_DIR },
    log: (event) => plane.log.push(event as Record<string, unknown>),
  })
  await plane.plane.settle()
}

function setLimit(amount: number) {
  const file = join(documentsDir, 'agents/finance-agent.yaml')
  writeFileSync(file, readFileSync(file, 'utf8').replace(/value: \d+/, `value: ${amount}`))
}
const state = () => plane.plane.kernel.state()

describe('a start over a folder of documents', () => {
  test('serves it everywhere at once, and again when it was edited meanwhile', async () => {
    expect(await limitAt(plane, 'eu-central-1')).toBe(500_000)
    setLimit(600_000)
    await plane.rebuilt()
    await start()
    expect(await limitAt(plane, 'eu-central-1')).toBe(600_000)
    const { seq } = state()
    await start()
    expect(state().seq).toBe(seq)
  })

  test('in the middle of a rollout lets it go on: nothing is served everywhere that is still in its canary', async () => {
    setLimit(800_000)
    const revision = await plane.publish(sourcesWithLimit(800_000))
    await plane.rebuilt()
    await start()
    expect(state().rollout).toMatchObject({ revision, state: 'running' })
    expect(await limitAt(plane, 'us-east-1').catch(() => 'no such agent')).toBe('no such agent')
    expect(await limitAt(plane, 'eu-central-1')).toBe(500_000)
    // Nor does another edit push it aside.
    setLimit(900_000)
    await start()
    expect(state().rollout).toMatchObject({ revision, state: 'running' })
    expect(await limitAt(plane, 'eu-central-1')).toBe(500_000)
  })

  test('does not bring back what was aborted or rolled back, though it is still in the folder, and says so', async () => {
    setLimit(800_000)
    const revision = await plane.publish(sourcesWithLimit(800_000))
    await plane.plane.publishing.abort('ben', 'no good')
    await plane.rebuilt()
    await start()
    expect(await limitAt(plane, 'eu-west-1')).toBe(500_000)
    expect(plane.log).toContainEqual(expect.objectContaining({ event: 'kept', documents: revision, active: state().active?.revision }))
  })

  test('serves what was only looked at before: to compare or replay a working tree registers it', async () => {
    setLimit(800_000)
    await plane.register(sourcesWithLimit(800_000))
    await plane.rebuilt()
    await start()
    expect(await limitAt(plane, 'eu-central-1')).toBe(800_000)
  })

  test('imports tenants that have changed, whatever is being rolled out', async () => {
    const file = join(documentsDir, 'tenants.yaml')
    writeFileSync(file, readFileSync(file, 'utf8').replace(/(clinic-eu:[\s\S]*?binding: )region/, '$1zone'))
    await start()
    expect(plane.plane.directory.current().state.tenants['clinic-eu']).toMatchObject({ binding: 'zone' })
  })
})
