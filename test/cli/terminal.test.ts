import { expect, test } from '@jest/globals'
import { CommandError } from '../../runtime/cli/exit-codes.ts'
import { untilInterrupted } from '../../runtime/cli/policy/interruption.ts'
import { terminal } from '../../runtime/cli/terminal.ts'

function stream(isTTY: boolean, columns?: number) {
  const written: string[] = []
  const write = (text: string | Uint8Array) => {
    written.push(String(text))
    return true
  }
  return { written, isTTY, write, ...(columns !== undefined && { columns }) } as unknown as Parameters<typeof terminal>[0] & {
    written: string[]
  }
}

test('in a window the line of now gives way to what stays, and is never wider than the window', () => {
  const window = stream(true, 70)
  const shown = terminal(window)
  shown.now('x'.repeat(100))
  shown.say('stays')
  shown.say('too')
  shown.end()
  const clear = '\r\u001b[2K'
  expect(window.written).toEqual([`${clear}${'x'.repeat(68)}…`, clear, 'stays\n', 'too\n'])
})

test('a log gets what stays, and a sign of life every ten seconds', () => {
  let now = 0
  const file = stream(false)
  const shown = terminal(file, () => now)
  for (now = 0; now <= 25_000; now += 1000) shown.now(`at ${now}`)
  shown.say('done')
  expect(file.written).toEqual(['at 10000\n', 'at 20000\n', 'done\n'])
})

test('words fit windows from 60 to 120 cells; a log has 100', () => {
  expect([stream(true, 20), stream(true, 90), stream(true, 300), stream(false)].map((one) => terminal(one).columns)).toEqual([
    60, 90, 120, 100,
  ])
})

test('Ctrl-C, also twice, tells the work to end, and leaves no listener behind', async () => {
  const before = process.listenerCount('SIGINT')
  const left = untilInterrupted(async (signal) => {
    process.emit('SIGINT')
    process.emit('SIGINT')
    return signal.aborted
  })
  await expect(left).resolves.toBe(true)
  expect(process.listenerCount('SIGINT')).toBe(before)
})

test('refuses to keep a person waiting for a request that goes on after Ctrl-C', async () => {
  const stuck = untilInterrupted(() => new Promise(() => setImmediate(() => process.emit('SIGINT'))), 1)
  await expect(stuck).rejects.toThrow(CommandError)
})
