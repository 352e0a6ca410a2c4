import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { deployment as input } from '../../config/deployment.ts'
import { resolveDeployment } from '../../config/resolve.ts'
import { regionsOf } from '../../config/schema.ts'

let folder: string
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'aegis-pinned-'))
})
afterEach(() => rmSync(folder, { recursive: true, force: true }))

const prod = { accounts: { control: '210987654321', workload: '310987654321' } }
const file = () => join(folder, 'prod.json')
const write = (value: unknown) => writeFileSync(file(), typeof value === 'string' ? value : JSON.stringify(value))
const resolved = (environment: object = {}) =>
  resolveDeployment({ ...input, environments: { prod: { ...prod, ...environment } } }, 'prod', folder)

describe('what is pinned of an environment', () => {
  it('counts as if it stood in deployment.ts', () => {
    const deployedReplicas = regionsOf(resolveDeployment(input)).map(({ region }) => region)
    write({ hostedZoneId: 'Z0123456789ABC', deployedReplicas })
    expect(resolved()).toMatchObject({ hostedZoneId: 'Z0123456789ABC', deployedReplicas })
  })

  it('is nothing without a file, and is not looked for where no folder is given', () => {
    expect(resolved()).not.toHaveProperty('hostedZoneId')
    write({ hostedZoneId: 'Z0123456789ABC' })
    expect(resolveDeployment(input)).not.toHaveProperty('hostedZoneId')
  })

  it('may repeat what deployment.ts says', () => {
    write({ hostedZoneId: 'Z0123456789ABC' })
    expect(resolved({ hostedZoneId: 'Z0123456789ABC' }).hostedZoneId).toBe('Z0123456789ABC')
  })

  it('refuses to say something else than deployment.ts', () => {
    write({ hostedZoneId: 'Z0123456789ABC' })
    expect(() => resolved({ hostedZoneId: 'Z9999999999XYZ' })).toThrow(
      `${file()}: hostedZoneId: Z0123456789ABC is not what config/deployment.ts says, Z9999999999XYZ; take it out there, then pin once more`,
    )
  })

  it('refuses more than one replica that is not pinned, as for the same list in deployment.ts', () => {
    write({ deployedReplicas: ['eu-west-1'] })
    expect(() => resolved()).toThrow('is more than one change of replicas')
  })

  it.each([
    ['{', 'is not JSON'],
    [{ hostedZoneID: 'Z0123456789ABC' }, 'hostedZoneID: unknown key'],
    [{ hostedZoneId: '/hostedzone/Z0123456789ABC' }, 'hostedZoneId: is not a hosted zone id'],
    [{ deployedReplicas: ['mars'] }, 'deployedReplicas.0: is not an AWS region name'],
  ])('refuses %j in a line that names the file', (content, fault) => {
    write(content)
    expect(() => resolved()).toThrow(`${file()}: ${fault}`)
  })
})
