import { describe, expect, test } from '@jest/globals'
import { httpRecognizer, textsOf } from '../../runtime/dlp/recognizer.ts'
import type { Dialer, DialRequest } from '../../runtime/model/ports.ts'

const strings = [
  { path: '/a', text: 'Anna called' },
  { path: '/b/0', text: 'nobody' },
]

function recognizer(status: number, body: unknown, seen: DialRequest[] = [], addresses = ['192.0.2.1']) {
  const dialer: Dialer = {
    dial: async (request) => {
      seen.push(request)
      return { status, headers: {}, body: Buffer.from(typeof body === 'string' ? body : JSON.stringify(body)) }
    },
    close: async () => {},
  }
  const resolver = { resolve: async () => addresses }
  return httpRecognizer({ url: new URL('https://ner.example/v1'), dialer, resolver, classes: new Set(['person']), timeoutMs: 50 })
}

const finding = { text: 0, class: 'person', start: 0, end: 4, confidence: 0.8 }

test('asks with the strings alone and gives findings with their paths', async () => {
  const seen: DialRequest[] = []
  const found = await recognizer(200, { findings: [finding] }, seen).recognize(strings)
  expect(found).toEqual([{ path: '/a', class: 'person', span: [0, 4], layer: 'plain', confidence: 0.8 }])
  expect(seen).toMatchObject([{ method: 'POST', addresses: ['192.0.2.1'], timeoutMs: 50 }])
  expect(JSON.parse(Buffer.from(seen[0]?.body ?? []).toString())).toEqual({ texts: ['Anna called', 'nobody'] })
})

test('asks nothing where there is no text', async () => {
  expect(await recognizer(500, 'no').recognize([])).toEqual([])
  expect(textsOf({ 'a/b': ['x', 1, null], c: '' })).toEqual([{ path: '/a~1b/0', text: 'x' }])
})

describe('rejects', () => {
  test.each<[string, number, unknown]>([
    ['another status', 500, { findings: [] }],
    ['what is no JSON', 200, 'hello'],
    ['another shape', 200, { findings: [{ ...finding, extra: 1 }] }],
    ['a string that was not sent', 200, { findings: [{ ...finding, text: 2 }] }],
    ['a place past the end', 200, { findings: [{ ...finding, end: 12 }] }],
    ['an empty place', 200, { findings: [{ ...finding, start: 4 }] }],
    ['a class that is not declared', 200, { findings: [{ ...finding, class: 'card' }] }],
  ])('%s', async (_, status, body) => {
    await expect(recognizer(status, body).recognize(strings)).rejects.toThrow('the recognizer')
  })
  test('when the service has no address', async () => {
    await expect(recognizer(200, { findings: [] }, [], []).recognize(strings)).rejects.toThrow('no address')
  })
})
