import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from '@jest/globals'
import { RULES } from '../../lib/nag/aegis-pack.ts'

const page = readFileSync(join(import.meta.dirname, '../../docs/nag.md'), 'utf8')

test('every nag rule is documented by what it finds, in the order in which they run, and nothing else is', () => {
  const rows = [...page.matchAll(/^\| `(\w+)` \| (.*?) \| (.+) \|$/gm)].map(([, id, finds]) => [id, finds])
  expect(rows).toEqual(RULES.map(({ id, info }) => [id, info]))
})
