import { describe, expect, test } from '@jest/globals'
import { fileHash, goEncoding, sha256 } from '../../runtime/policy/file-hashes.ts'

describe('hashes of structured files', () => {
  test('do not depend on spaces or the order of keys', () => {
    const one = fileHash('data.json', Buffer.from('{"b":[1,{"d":null,"c":true}],"a":"x"}'))
    expect(fileHash('data.json', Buffer.from('{ "a": "x",\n "b": [1, {"c": true, "d": null}] }\n'))).toBe(one)
    expect(one).toBe(sha256('{"a":"x","b":[1,{"c":true,"d":null}]}'))
  })

  test('sort keys by their bytes and escape like Go', () => {
    expect(goEncoding({ '😀': 1, '\ufb01': 2, a: '<>&\u2028\b\u0001/' })).toBe('{"a":"<>&\\u2028\\b\\u0001/","\ufb01":2,"😀":1}')
  })

  test.each([['{"a":1.5}'], ['{"a":9007199254740993}'], ['{"a":"\\ud800"}'], ['{"a":'], ['\ufeff{']])('refuses %s', (text) => {
    expect(() => fileHash('.manifest', Buffer.from(text))).toThrow()
  })

  test('of other files are of their bytes', () => {
    expect(fileHash('policy.wasm', Buffer.from('{ }'))).toBe(sha256('{ }'))
  })
})
