import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from '@jest/globals'
import { API_REFUSALS, ApiRefusal, asApiRefusal } from '../../../runtime/control-plane/api/refusal.ts'
import { AegisError } from '../../../runtime/model/codes.ts'

test('every code of the control plane is documented with its status, its meaning and what to do, and nothing else is', () => {
  const page = readFileSync(join(import.meta.dirname, '../../../docs/codes.md'), 'utf8')
  const section = page.split(/^## /m).find((part) => part.startsWith('Control plane')) ?? ''
  const rows = [...section.matchAll(/^\| `(\w+)` \|(.*)\|$/gm)].map(([, code = '', rest = '']) => [
    code,
    ...rest.split('|').map((cell) => cell.trim()),
  ])
  expect(Object.fromEntries(rows.map(([code, status]) => [code, Number(status)]))).toEqual(
    Object.fromEntries(Object.entries(API_REFUSALS).map(([code, { status }]) => [code, status])),
  )
  expect(rows.filter((cells) => cells.length !== 4 || cells.includes(''))).toEqual([])
})

test('tells what was meant for the caller, and of everything else only the kind', () => {
  expect(asApiRefusal(new ApiRefusal('stale_directory', 'x', { facts: { version: 3 } }))).toMatchObject({
    statusCode: 412,
    facts: { version: 3 },
  })
  expect(asApiRefusal(new AegisError('subject_mismatch', 'needs a role'))).toMatchObject({ statusCode: 403, message: 'needs a role' })
  expect(asApiRefusal(new AegisError('state_unavailable', 'table x is away'))).toMatchObject({
    code: 'internal_error',
    message: API_REFUSALS.internal_error.message,
  })
  expect(asApiRefusal(new Error('10.0.0.1'))).toMatchObject({ code: 'internal_error', message: API_REFUSALS.internal_error.message })
  expect(asApiRefusal(Object.assign(new Error('x'), { statusCode: 415 }))).toMatchObject({ code: 'malformed_request', statusCode: 400 })
  expect(asApiRefusal('thrown text')).toMatchObject({ code: 'internal_error' })
})
