import { expect, test } from '@jest/globals'
import { applyPatch } from 'diff'
import { patches } from '../../../runtime/policy/diff/patches.ts'
import { demoSources, edited } from '../../support/sources.ts'

const AGENT = 'documents/agents/finance-agent.yaml'

test('a changed file is a unified diff that leads from one text to the other', () => {
  const after = edited(demoSources, AGENT, '500000', '800000')
  const [only, ...others] = patches(demoSources, after)
  expect([only?.path, others]).toEqual([AGENT, []])
  expect(only?.patch).toMatch(/^--- a\/documents\/agents\/finance-agent.yaml\n\+\+\+ b\/documents/)
  expect(only?.patch).toMatch(/^-.*500000/m)
  expect(applyPatch(demoSources.get(AGENT) ?? '', only?.patch ?? '')).toBe(after.get(AGENT))
})

test('new and removed files come from nothing and go to nothing', () => {
  const without = new Map(demoSources)
  without.delete(AGENT)
  expect(patches(demoSources, without)[0]?.patch).toMatch(/^--- a\/.*\n\+\+\+ \/dev\/null\n/)
  expect(patches(without, demoSources)[0]?.patch).toMatch(/^--- \/dev\/null\n\+\+\+ b\//)
  expect(patches(demoSources, demoSources)).toEqual([])
})

test('two texts with nothing in common do not take for ever', () => {
  const text = (seed: string) => Array.from({ length: 30_000 }, (_, line) => `${seed} ${line}`).join('\n')
  const before = new Map([[AGENT, text('a')]])
  const after = new Map([[AGENT, text('b')]])
  const [one] = patches(before, after)
  expect(applyPatch(text('a'), one?.patch ?? '')).toBe(text('b'))
})
