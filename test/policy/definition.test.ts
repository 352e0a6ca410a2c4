import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { activeTool } from '../../runtime/policy/bundle-data.ts'
import { definitionDigest, servedDigest } from '../../runtime/policy/definition.ts'
import { loadDocuments } from '../../runtime/policy/documents.ts'

const served = (text: string) => servedDigest(Buffer.from(text))

test('the digest is of what a definition says, not of how it is laid out', () => {
  // SHA-256 of {"a":[1,"é"],"b":null}, its canonical form.
  const digest = '1e02bc81a26af2f027329541e97eef36f3290bedc6dfe043dbe66b057ecb13ba'
  expect(definitionDigest({ b: null, a: [1, 'é'] })).toBe(digest)
  expect(served('{ "b":null, "a":[1.0,"\\u00e9"] }')).toBe(digest)
  expect(served('{"a":[1,"e"],"b":null}')).not.toBe(digest)
})

test.each(['', '{', '{"a":1,"a":2}', '{"a":1e400}', '\ufeff{}'])('refuses to read %j', (text) => {
  expect(() => served(text)).toThrow()
})

describe('in tools.yaml', () => {
  let directory: string
  beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), 'aegis-pins-'))
    cpSync('demo', directory, { recursive: true })
  })
  afterEach(() => rmSync(directory, { recursive: true }))

  const load = (change: (yaml: string) => string) => {
    const file = join(directory, 'tools.yaml')
    writeFileSync(file, change(readFileSync(file, 'utf8')))
    return loadDocuments(directory).tools
  }

  test('a pin reaches the bundle, and a tool without one has none', () => {
    const { crm, email } = load((yaml) => yaml)
    if (crm === undefined || email === undefined) throw new Error('the demo has both')
    expect(activeTool('crm', crm).definition).toEqual({ path: '/.well-known/tool.json', sha256: expect.stringMatching(/^[0-9a-f]{64}$/) })
    expect(activeTool('email', email).definition).toBeUndefined()
  })

  test.each([
    ['a short digest', 'sha256: 683d7d15', 'sha256: 683d'],
    ['a digest in capitals', 'sha256: 683d7d15', 'sha256: 683D7D15'],
    ['a URL as path', 'path: /.well-known/tool.json', 'path: https://evil.example/tool.json'],
    ['a path with a query', 'path: /.well-known/tool.json', 'path: /tool.json?x=1'],
  ])('refuses %s', (_what, from, to) => {
    expect(() => load((yaml) => yaml.replace(from, to))).toThrow(/tools\.yaml:\d+:\d+: crm\.definition/)
  })

  test.each([
    ['definition', 'definition: { path: /x, sha256: "0000000000000000000000000000000000000000000000000000000000000000" }'],
    ['credential_ref', 'credential_ref: web'],
  ])('refuses %s without an endpoint', (field, line) => {
    expect(() => load((yaml) => yaml.replace('web-fetch:\n', `web-fetch:\n  ${line}\n`))).toThrow(new RegExp(`web-fetch\\.${field}`))
  })
})
