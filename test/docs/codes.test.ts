import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from '@jest/globals'
import { ERRORS, REASONS } from '../../runtime/model/codes.ts'

const page = readFileSync(join(import.meta.dirname, '../../docs/codes.md'), 'utf8')

test('every error code is documented with its status, and nothing else is', () => {
  const documented = Object.fromEntries(rows('Errors').map(([code, status]) => [code, Number(status)]))
  expect(documented).toEqual(Object.fromEntries(Object.entries(ERRORS).map(([code, { status }]) => [code, status])))
})

test('every reason code is documented, and nothing else is', () => {
  const documented = rows('Reasons').map(([code]) => code)
  expect([...documented].sort()).toEqual(Object.keys(REASONS).sort())
})

test('every code says when it is given and what to do then', () => {
  const silent = [...rows('Errors'), ...rows('Reasons')].filter((cells) => cells.length !== 4 || cells.some((cell) => cell === ''))
  expect(silent).toEqual([])
})

/** Cells of each table row under a heading, the code without its quotes. */
function rows(heading: string): string[][] {
  const section = page.split(/^## /m).find((part) => part.startsWith(heading)) ?? ''
  return [...section.matchAll(/^\| `(\w+)` \|(.*)\|$/gm)].map(([, code = '', rest = '']) => [
    code,
    ...rest.split('|').map((cell) => cell.trim()),
  ])
}
