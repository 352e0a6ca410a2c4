import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from '@jest/globals'
import { putJson } from '../../../runtime/cli/deploy/put-json.ts'
import { CommandError } from '../../../runtime/cli/exit-codes.ts'

let folder: string
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'aegis-put-'))
})
afterEach(() => rmSync(folder, { recursive: true, force: true }))

test('writes what is new, in a folder that is new, and says whether it has', () => {
  const path = join(folder, 'pinned/prod.json')
  expect([putJson(path, { a: 1 }), putJson(path, { a: 1 }), putJson(path, { a: 2 })]).toEqual([true, false, true])
  expect(readFileSync(path, 'utf8')).toBe('{\n  "a": 2\n}\n')
  expect(readdirSync(join(folder, 'pinned'))).toEqual(['prod.json'])
})

test('refuses in one line where it cannot write, and leaves nothing beside', () => {
  mkdirSync(join(folder, 'prod.json/full'), { recursive: true })
  writeFileSync(join(folder, 'file'), '')
  for (const path of [join(folder, 'prod.json'), join(folder, 'file/prod.json')]) {
    const refused = () => putJson(path, { a: 1 })
    expect(refused).toThrow(CommandError)
    expect(refused).toThrow(/^\S+prod\.json cannot be written, and is as it was: [^\n]+$/)
  }
  expect(readdirSync(folder).sort()).toEqual(['file', 'prod.json'])
})
