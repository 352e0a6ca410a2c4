import { Readable } from 'node:stream'
import { expect, test } from '@jest/globals'
import { scan } from '../../runtime/cli/scan.ts'

async function run(input: string, json = true) {
  const lines: string[] = []
  const code = await scan({ file: '-', json, terminal: true, stdin: Readable.from([input]) }, (line) => lines.push(line))
  return { code, lines }
}

test('answers each line of JSON with one line', async () => {
  const { code, lines } = await run('{"body":"4111 1111 1111 1111"}\n"nothing"\n42\r\n[]')
  expect(code).toBe(0)
  expect(lines.map((line) => JSON.parse(line))).toEqual([
    { findings: [{ path: '/body', class: 'card', span: [0, 19], layer: 'plain', confidence: expect.any(Number) }] },
    { findings: [] },
    { findings: [] },
    { findings: [] },
  ])
})

test('tells people on a terminal, without repeating the data', async () => {
  const { lines } = await run('{"body":"4111 1111 1111 1111"}\n{}', false)
  expect(lines).toEqual(['line 1: card at /body [0, 19), plain, confidence 0.95', 'line 2: nothing'])
})

test.each([
  ['a line that is no JSON', '{}\n{"a":\n', 'line 2: the text is not valid JSON'],
  ['a key twice', '{"a":1,"a":2}', 'line 1: an object has a key twice'],
  ['a line beyond the limits', JSON.stringify('x'.repeat(1_100_000)), 'line 1: the value needs more than the limit charactersMax allows'],
])('refuses %s, with its number', async (_, input, message) => {
  await expect(run(input)).rejects.toMatchObject({ message, exitCode: 2 })
})

test('refuses a file that is not there', async () => {
  await expect(scan({ file: '/nowhere/x.jsonl', json: true }, () => {})).rejects.toMatchObject({ exitCode: 2 })
})
