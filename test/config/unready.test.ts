import { cpSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { demoPartOf } from '../../config/demo-documents.ts'
import { deployment as input } from '../../config/deployment.ts'
import { resolveDeployment } from '../../config/resolve.ts'
import type { DeploymentInput } from '../../config/schema.ts'
import { runsDemo, unreadyConfig } from '../../config/unready.ts'

const accounts = { control: '210987654321', workload: '310987654321' }

let folder: string
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'aegis-unready-'))
  writeFileSync(join(folder, 'tools.yaml'), '{}')
})
afterAll(() => rmSync(folder, { recursive: true, force: true }))

const own = () => ({ ...input, domain: 'aegis.corp', documentsDir: folder, environments: { prod: { accounts } } })
const unready = (changed: Partial<DeploymentInput> = {}) => unreadyConfig(resolveDeployment({ ...own(), ...changed }))

describe('what keeps a configuration from being deployed', () => {
  it('is nothing where everything is somebody’s own', () => {
    expect(unready()).toEqual([])
  })

  it.each(['111111111111', '000000000000', '123456789012'])('refuses the example account %s', (control) => {
    expect(unready({ environments: { prod: { accounts: { ...accounts, control } } } })).toEqual([
      `environments.prod.accounts.control: ${control} is a placeholder; put your own account there`,
    ])
  })

  it('refuses an example account of a zone, too', () => {
    const prod = { accounts: { ...accounts, zones: { eu: '222222222222' } } }
    expect(unready({ environments: { prod } })).toEqual([expect.stringContaining('environments.prod.accounts.zones.eu: 222222222222')])
  })

  it.each(['aegis.example', 'example.com', 'aegis.example.org', 'aegis.test'])('refuses the domain %s, which nobody can have', (domain) => {
    expect(unready({ domain })).toEqual([`domain: ${domain} is reserved for examples; put a domain of your own there`])
  })

  it.each(['myexample.com', 'example.io', 'aegis.contest.com'])('lets the domain %s pass', (domain) => {
    expect(unready({ domain })).toEqual([])
  })

  it.each(['demo', './demo', 'demo/'])('refuses the documents of the demo, written as %s', (documentsDir) => {
    expect(unready({ documentsDir })).toEqual([expect.stringContaining('is the demo, whose secrets everybody knows')])
  })

  it('refuses one secret of the demo in documents of one’s own', () => {
    const copy = join(folder, 'copy')
    cpSync(join(import.meta.dirname, '../../demo/clients.yaml'), join(copy, 'clients.yaml'))
    expect(demoPartOf(copy)).toMatch(/^has \d+ secrets of the demo in clients.yaml/)
    writeFileSync(join(copy, 'clients.yaml'), `my-agent: { secret_sha256: '${'ab'.repeat(32)}' }\n`)
    expect(demoPartOf(copy)).toBeUndefined()
  })

  it('lets the demo pass where the environment says allowDemo, and nothing else with it', () => {
    const prod = { accounts: { ...accounts, workload: '222222222222' }, allowDemo: true }
    const allowed = resolveDeployment({ ...own(), documentsDir: 'demo', environments: { prod } })
    expect(unreadyConfig(allowed)).toEqual([expect.stringContaining('accounts.workload')])
    expect(runsDemo(allowed)).toBe(true)
    expect(runsDemo({ ...allowed, documentsDir: folder })).toBe(false)
  })
})
