import { mkdirSync, mkdtempSync, readdirSync, rmSync, utimesSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from '@jest/globals'
import { inputHash, type SynthesisInput, synthesize } from '../../../runtime/fabric/supervisor/synthesis.ts'

let dir: string
let input: SynthesisInput

// A CDK app in miniature: what matters here is when it runs and what becomes of what it writes.
const APP = `
import { mkdirSync, writeFileSync, appendFileSync } from 'node:fs'
appendFileSync('runs', 'x')
const out = process.env.CDK_OUTDIR
mkdirSync(out, { recursive: true })
writeFileSync(out + '/manifest.json', process.env.CDK_CONTEXT_JSON)
`

beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'aegis-synthesis-'))
  const put = (path: string, text: string) => {
    mkdirSync(join(dir, path, '..'), { recursive: true })
    writeFileSync(join(dir, path), text)
  }
  put('bin/aegis.ts', APP)
  put('package.json', '{"type":"module"}')
  put('cdk.json', '{"context":{"flag":true}}')
  put('config/deployment.ts', '// a')
  put('demo/tools.yaml', 'a: 1')
  put('trust.json', '{"keys":[]}')
  input = {
    repository: dir,
    cacheDir: join(dir, 'cache'),
    trustFile: join(dir, 'trust.json'),
    documentsDir: join(dir, 'demo'),
    env: { PATH: process.env.PATH ?? '' },
  }
})
afterEach(() => rmSync(dir, { recursive: true }))

const edit = (path: string, text: string) => writeFileSync(join(dir, path), text)

test('the same input is synthesized once', async () => {
  const first = await synthesize(input)
  const second = await synthesize(input)
  expect([first.cached, second.cached]).toEqual([false, true])
  expect(second.folder).toBe(first.folder)
})

test.each([
  ['config/deployment.ts', '// b'],
  ['bin/aegis.ts', `${APP}\n`],
  ['demo/tools.yaml', 'a: 2'],
  ['trust.json', '{"keys":[1]}'],
  ['cdk.json', '{"context":{"flag":false}}'],
  ['lib/new.ts', ''],
])('a change of %s is another input', (path, text) => {
  const before = inputHash(input)
  mkdirSync(join(dir, 'lib'), { recursive: true })
  edit(path, text)
  expect(inputHash(input)).not.toBe(before)
})

test('the app gets the flags of cdk.json and the trust root, and copies nothing for images', async () => {
  const { folder } = await synthesize(input)
  const { readFileSync } = await import('node:fs')
  expect(JSON.parse(readFileSync(join(folder, 'manifest.json'), 'utf8'))).toEqual({
    flag: true,
    'aws:cdk:disable-asset-staging': true,
    trustFile: input.trustFile,
  })
})

test("refuses what the app refuses, in the app's own words, and keeps nothing", async () => {
  edit('bin/aegis.ts', "console.error('config/deployment.ts: zones: needs at least one zone'); process.exitCode = 2")
  await expect(synthesize(input)).rejects.toThrow('synth failed: config/deployment.ts: zones: needs at least one zone')
  expect(readdirSync(input.cacheDir)).toEqual([])
})

test('refuses an app that ends well and writes nothing', async () => {
  edit('bin/aegis.ts', '')
  await expect(synthesize(input)).rejects.toThrow('wrote no manifest.json')
})

test('old assemblies are forgotten', async () => {
  for (let change = 0; change < 5; change++) {
    edit('config/deployment.ts', `// ${change}`)
    const { folder } = await synthesize(input)
    utimesSync(folder, change, change)
  }
  expect(readdirSync(input.cacheDir)).toHaveLength(3)
})
