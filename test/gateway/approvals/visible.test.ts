import fc from 'fast-check'
import { visible, visibleJson } from '../../../runtime/gateway/approvals/visible.ts'

test.each([
  ['a bidi override', 'pay \u202e0001\u202c eur', 'pay \\u202e0001\\u202c eur'],
  ['a zero-width space', 'supplier\u200b-7', 'supplier\\u200b-7'],
  ['line and control characters', 'a\n\r\t\0b', 'a\\u000a\\u000d\\u0009\\u0000b'],
  ['a no-break space', 'a\u00a0b', 'a\\u00a0b'],
  ['a tag character', 'a\u{e0041}', 'a\\u{e0041}'],
  ['a Hangul filler', '\u3164', '\\u3164'],
  ['a variation selector', 'x\ufe0f', 'x\\ufe0f'],
  ['a lone surrogate', '\ud800', '\\ud800'],
  ['an escape that was in the text', '\\u202e', '\\\\u202e'],
])('%s is seen', (_name, text, shown) => {
  expect(visible(text)).toBe(shown)
})

test('ordinary text stays as it is', () => {
  const text = 'Grüße an Zoë, 東京 – 4.200,00 € (#7) <b>"x"</b> 🙂'
  expect(visible(text)).toBe(text)
})

test('keys are shown like values', () => {
  expect(visibleJson({ 'a\u202e': ['\u200b', 1, null, { b: true }] })).toEqual({ 'a\\u202e': ['\\u200b', 1, null, { b: true }] })
})

test('nothing hidden is left, and two texts never look the same', () => {
  const text = fc.string({ unit: 'binary', maxLength: 20 })
  fc.assert(
    fc.property(text, text, (a, b) => {
      expect(visible(a)).not.toMatch(/[\p{C}\p{Zl}\p{Zp}\p{Default_Ignorable_Code_Point}]/u)
      expect(visible(a) === visible(b)).toBe(a === b)
    }),
  )
})
