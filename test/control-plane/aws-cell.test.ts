import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from '@jest/globals'
import { deployment as input } from '../../config/deployment.ts'
import { cellNames } from '../../config/names.ts'
import { resolveDeployment } from '../../config/resolve.ts'
import { awsCell } from '../../runtime/control-plane/aws-cell.ts'
import { type Stores, startStores } from '../../runtime/fabric/stores/region-stores.ts'

const deployment = resolveDeployment(input)
const place = { region: 'eu-west-1', zone: 'eu' }
const names = cellNames(deployment, place.region, place.zone)
let keysDir: string
let stores: Stores

const open = async (...purposes: Parameters<typeof names.signingKey>[0][]) =>
  startStores({ region: place.region, account: names.account, tables: [], keysDir, keys: purposes.map(names.signingKey) })

beforeEach(() => {
  keysDir = mkdtempSync(join(tmpdir(), 'aegis-cell-'))
  process.env.AWS_ACCESS_KEY_ID = 'test'
  process.env.AWS_SECRET_ACCESS_KEY = 'test'
})
afterEach(async () => {
  await stores.close()
  rmSync(keysDir, { recursive: true })
})

test("a region's issuer and attester have three different keys, each named by its thumbprint", async () => {
  stores = await open('token', 'approval', 'data-protection')
  const cell = awsCell(deployment, { ...place, ring: 'stable', endpoint: stores.url })
  const { keys } = await cell.readIssuer()
  const { approval, data_protection: dataProtection, ...rest } = await cell.readAttester()
  expect(rest).toEqual(place)
  const kids = [...keys, approval, dataProtection].map(({ kid }) => kid)
  expect(new Set(kids).size).toBe(3)
  for (const kid of kids) expect(kid).toMatch(/^[A-Za-z0-9_-]{43}$/)
})

test('refuses half an attester', async () => {
  stores = await open('token', 'approval')
  await expect(awsCell(deployment, { ...place, ring: 'stable', endpoint: stores.url }).readAttester()).rejects.toThrow()
})
