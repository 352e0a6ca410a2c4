import { describe, expect, test } from '@jest/globals'
import { type CustomClass, patternFault } from '../../runtime/dlp/custom-class.ts'
import { createScanner } from '../../runtime/dlp/scan.ts'
import type { JsonValue } from '../../runtime/model/call.ts'

const classesIn = (value: JsonValue, ...custom: CustomClass[]) => createScanner({ custom }).scan(value).classes

const employee: CustomClass = { name: 'employee_id', pattern: '\\bE-\\d{6}\\b', validator: 'luhn' }

test('finds a class of documents by its pattern and check digit', () => {
  expect(classesIn({ note: 'see E-100008 please' }, employee)).toEqual(['employee_id'])
  expect(classesIn({ note: 'see E-100009 please' }, employee)).toEqual([])
  expect(classesIn({ note: 'see XE-100008 please' }, employee)).toEqual([])
})

test('and by its context: a word near by or a key', () => {
  const member: CustomClass = { name: 'member_number', pattern: '[A-Z]\\d{7}', context: ['member', 'Versicherung'] }
  expect(classesIn({ note: 'member M1234567' }, member)).toEqual(['member_number'])
  expect(classesIn({ note: 'Versicherung: M1234567' }, member)).toEqual(['member_number'])
  expect(classesIn({ memberNumber: 'M1234567' }, member)).toEqual(['member_number'])
  expect(classesIn({ note: 'box M1234567' }, member)).toEqual([])
  expect(classesIn({ note: `member ${'x'.repeat(80)} M1234567` }, member)).toEqual([])
})

test('in every layer', () => {
  const text = Buffer.from('the number E-100008').toString('base64')
  expect(createScanner({ custom: [employee] }).scan({ text }).findings).toMatchObject([{ class: 'employee_id', layer: 'base64' }])
})

test('a class without a pattern is left to a recognizer', () => {
  expect(classesIn('anything', { name: 'person' })).toEqual([])
})

describe('refuses a pattern that', () => {
  test.each([
    ['matches nothing', 'a*', 'matches the empty text'],
    ['looks back', '(a)\\1', 'RE2 syntax'],
    ['looks around', '(?=a)b', 'RE2 syntax'],
    ['is broken', '(', 'RE2 syntax'],
    ['is huge', '[ab]{900}[cd]{900}[ef]{900}', 'smaller counts'],
    ['is long', 'a'.repeat(300), 'longer than'],
  ])('%s', (_, pattern, fault) => {
    expect(patternFault(pattern)).toContain(fault)
    expect(() => createScanner({ custom: [{ name: 'x', pattern }] })).toThrow('data class x')
  })
})

test('is not hidden behind thousands of false ones', () => {
  const body = `${'E-100009 '.repeat(6000)}E-100008`
  expect(classesIn({ body }, employee)).toEqual(['employee_id'])
  expect(classesIn({ body }, { ...employee, pattern: '[E]-\\d{6}' })).toEqual(['employee_id'])
})

test('is linear for patterns that make others explode', () => {
  const custom = [{ name: 'x', pattern: '(a+)+b' }]
  const scanner = createScanner({ custom })
  const work = (size: number) => scanner.scan({ body: 'a'.repeat(size) }).work
  expect(work(8000)).toBeLessThan(2.1 * work(4000))
})
