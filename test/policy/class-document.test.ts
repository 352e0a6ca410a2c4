import { cpSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals'
import { createScanner } from '../../runtime/dlp/scan.ts'
import { readBundleData } from '../../runtime/policy/bundle-data.ts'
import { bundleData, DocumentError, loadDocuments, revisionOf } from '../../runtime/policy/documents.ts'

let dir: string
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'aegis-classes-'))
  cpSync('demo', dir, { recursive: true })
})
afterEach(() => rmSync(dir, { recursive: true, force: true }))

const write = (text: string) => writeFileSync(join(dir, 'classes.yaml'), text)

function faults(text: string): string {
  write(text)
  try {
    loadDocuments(dir)
    return ''
  } catch (error) {
    if (!(error instanceof DocumentError)) throw error
    return error.message
  }
}

test('declared classes travel in the bundle of every zone, to the scanner', () => {
  write("ticket: { description: a ticket, pattern: 'T-\\d{4}', context: [ticket] }\nperson: { description: names of people }\n")
  const { classes } = readBundleData(bundleData(loadDocuments(dir), 'us'))
  expect(classes).toEqual([{ name: 'ticket', pattern: 'T-\\d{4}', context: ['ticket'] }, { name: 'person' }])
  expect(createScanner({ custom: classes }).scan({ note: 'ticket T-1234' }).classes).toEqual(['ticket'])
})

test('the revision follows them, as verdicts do', () => {
  const wasm = new Uint8Array([1])
  write("ticket: { description: a ticket, pattern: 'T-\\d{4}' }\n")
  const before = revisionOf(wasm, loadDocuments(dir))
  write("ticket: { description: a ticket, pattern: 'T-\\d{5}' }\n")
  expect(revisionOf(wasm, loadDocuments(dir))).not.toBe(before)
})

test('the demo declares an employee number with a check digit', () => {
  const { classes } = readBundleData(bundleData(loadDocuments('demo'), 'eu'))
  const scanner = createScanner({ custom: classes })
  expect(scanner.scan({ note: 'ask E-100008' }).classes).toEqual(['employee_id'])
  expect(scanner.scan({ note: 'ask E-100009' }).classes).toEqual([])
  expect(scanner.scan({ member: 'M123 4567' }).classes).toEqual(['member_number'])
})

describe('refuses', () => {
  test.each([
    ['the name of a built-in class', 'card: { description: x, pattern: abc }', 'card is a data class already'],
    ['a family', 'tax_id: { description: x, pattern: abc }', 'tax_id is a data class already'],
    ['a pattern that looks back', "x: { description: x, pattern: '(a)\\1' }", 'RE2 syntax'],
    ['a pattern that matches nothing', "x: { description: x, pattern: 'a*' }", 'matches the empty text'],
    ['an unknown validator', 'x: { description: x, pattern: abc, validator: crc }', 'validator'],
    ['a validator without a pattern', 'x: { description: x, validator: luhn }', 'need a pattern'],
    ['another key', 'x: { description: x, regex: abc }', 'regex'],
  ])('%s', (_, text, message) => {
    expect(faults(`${text}\n`)).toMatch(new RegExp(`classes.yaml:1:\\d+: .*${message}`))
  })

  test('a bundle whose pattern cannot be used', () => {
    const data = bundleData(loadDocuments(dir), 'eu')
    const broken = { aegis: { ...data.aegis, classes: { x: { pattern: '(' } } } }
    expect(() => readBundleData(broken)).toThrow()
  })
})
