import { execFileSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join, relative } from 'node:path'
import { afterEach, beforeEach, expect, test } from '@jest/globals'
import { commitOf } from '../../runtime/cli/policy/commit.ts'
import { shortCommit } from '../../runtime/cli/policy/register.ts'
import { localPath, ownFolders, readSources, type SourceFolders } from '../../runtime/cli/policy/sources.ts'

let dir: string
let folders: SourceFolders
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'aegis-sources-'))
  folders = { documents: join(dir, 'docs'), policies: join(dir, 'policies') }
  for (const file of FILES) put(file, `text of ${file}`)
})
afterEach(() => rmSync(dir, { recursive: true }))

const FILES = [
  ...['docs/agents/a.yaml', 'docs/agents/b.yml', 'docs/tools.yaml', 'docs/tenants.yaml', 'docs/clients.yaml'],
  ...['policies/gateway/x.rego', 'policies/gateway/.manifest', 'policies/tests/x_test.rego', 'policies/schemas/input.json'],
  ...['policies/capabilities.json', 'policies/dist/policy.wasm', 'policies/schemas/agent.schema.json'],
]

function put(path: string, text: string | Buffer): void {
  mkdirSync(dirname(join(dir, path)), { recursive: true })
  writeFileSync(join(dir, path), text)
}

const git = (...args: string[]) =>
  execFileSync('git', ['-C', dir, '-c', 'user.name=t', '-c', 'user.email=t@t.example', '-c', 'commit.gpgsign=false', ...args], {
    encoding: 'utf8',
  })

test('what makes a revision, under the names that the control plane knows, and nothing else', () => {
  expect(readSources(folders)).toEqual({
    'documents/agents/a.yaml': 'text of docs/agents/a.yaml',
    'documents/agents/b.yml': 'text of docs/agents/b.yml',
    'documents/tools.yaml': 'text of docs/tools.yaml',
    'modules/gateway/x.rego': 'text of policies/gateway/x.rego',
    'modules/gateway/.manifest': 'text of policies/gateway/.manifest',
    'modules/tests/x_test.rego': 'text of policies/tests/x_test.rego',
    'modules/schemas/input.json': 'text of policies/schemas/input.json',
    'modules/capabilities.json': 'text of policies/capabilities.json',
  })
  put('docs/classes.yaml', 'classes')
  expect(readSources(folders)['documents/classes.yaml']).toBe('classes')
})

test('what editors leave beside a file is no source', () => {
  put('docs/agents/.#a.yaml', 'lock')
  put('docs/agents/a.yaml.orig', 'copy')
  put('policies/gateway/.x.rego', 'lock')
  expect(Object.keys(readSources(folders))).toHaveLength(8)
})

test("this clone's own sources are complete", () => {
  const paths = Object.keys(readSources(ownFolders()))
  for (const path of [
    'documents/agents/finance-agent.yaml',
    'documents/tools.yaml',
    'documents/classes.yaml',
    'modules/gateway/decision.rego',
  ])
    expect(paths).toContain(path)
  expect(paths.some((path) => /tenants|clients|dist/.test(path))).toBe(false)
})

test('a byte order mark stays: what is checked is what is there', () => {
  put('docs/tools.yaml', Buffer.from('efbbbf61', 'hex'))
  expect(readSources(folders)['documents/tools.yaml']).toBe('\u{feff}a')
})

test('refuses what is not text, what is missing, and a folder without documents', () => {
  put('docs/tools.yaml', Buffer.from([0x61, 0xff, 0x62]))
  expect(() => readSources(folders)).toThrow(/tools\.yaml is not UTF-8 text$/)
  put('docs/tools.yaml', 'a')
  rmSync(join(dir, 'policies/capabilities.json'))
  expect(() => readSources(folders)).toThrow(/capabilities\.json cannot be read: ENOENT$/)
  expect(() => readSources({ ...folders, documents: join(dir, 'elsewhere') })).toThrow(
    /elsewhere has neither agents\/\*\.yaml nor tools\.yaml/,
  )
})

test('faults are told by the path of the file here', () => {
  const own = ownFolders()
  expect(localPath('documents/agents/a.yaml', own)).toBe(join(relative(process.cwd(), own.documents), 'agents/a.yaml'))
  expect(localPath('modules/gateway/x.rego', own)).toBe('policies/gateway/x.rego')
  expect(localPath('documents/agents/a.yaml', folders)).toBe(join(dir, 'docs/agents/a.yaml'))
  expect(localPath('data.json', folders)).toBe('data.json')
})

test('without a repository there is no commit', async () => {
  await expect(commitOf(folders)).resolves.toBeUndefined()
})

test('the commit, and whether the policy differs from it', async () => {
  git('init', '-q')
  put('notes.txt', 'not policy')
  git('add', '-A')
  git('commit', '-q', '-m', 'raise the limit', '-m', 'because')
  const head = git('rev-parse', 'HEAD').trim()
  put('notes.txt', 'changed, and still not policy')
  await expect(commitOf(folders)).resolves.toEqual({ id: head, subject: 'raise the limit' })
  put('policies/gateway/new.rego', 'package x')
  const changed = await commitOf(folders)
  expect(changed?.id).toBe(`${head}+changes`)
  expect(shortCommit(changed?.id ?? '')).toBe(`${head.slice(0, 7)} with changes`)
  expect(shortCommit(head)).toBe(head.slice(0, 7))
})
