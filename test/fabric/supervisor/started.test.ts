import { expect, test } from '@jest/globals'
import { started } from '../../../runtime/fabric/supervisor/started.ts'

test('what was started last ends first, each once', async () => {
  const ended: string[] = []
  const parts = started(() => {})
  parts.onClose(() => ended.push('first'))
  parts.onClose(async () => ended.push('second'))
  await Promise.all([parts.close(), parts.close()])
  expect(ended).toEqual(['second', 'first'])
})

test('a part that fails to end is told, and the others end all the same', async () => {
  const ended: string[] = []
  const told: string[] = []
  const parts = started((line) => told.push(line))
  parts.onClose(() => ended.push('first'))
  parts.onClose(() => {
    throw new Error('stuck')
  })
  await parts.close()
  expect([ended, told]).toEqual([['first'], ['while ending: stuck']])
})

test('a part that was still starting while the others ended is ended by the next call', async () => {
  const ended: string[] = []
  const parts = started(() => {})
  await parts.close()
  parts.onClose(() => ended.push('late'))
  await parts.close()
  expect(ended).toEqual(['late'])
})
