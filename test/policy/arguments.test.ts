import { describe, expect, test } from '@jest/globals'
import fc from 'fast-check'
import type { JsonObject } from '../../runtime/model/call.ts'
import { pointerSegments, selectArguments } from '../../runtime/policy/arguments.ts'

describe('selecting what policy reads', () => {
  test('keeps the shape, leaves out the rest', () => {
    const args = { amount: 1, memo: 'secret', to: { country: 'de', street: 'secret' } }
    expect(selectArguments(args, ['/amount', '/to/country'])).toEqual({ amount: 1, to: { country: 'de' } })
  })

  test('leaves out what the call lacks', () => {
    expect(selectArguments({ to: null, list: [1] }, ['/amount', '/to/country', '/list/0'])).toEqual({})
  })

  test('keeps null, which is not the same as nothing', () => {
    expect(selectArguments({ amount: null }, ['/amount'])).toEqual({ amount: null })
  })

  test('undoes the escapes of RFC 6901', () => {
    expect(pointerSegments('/a~1b/m~0n')).toEqual(['a/b', 'm~n'])
    expect(selectArguments({ 'a/b': { 'm~n': 1 } }, ['/a~1b/m~0n'])).toEqual({ 'a/b': { 'm~n': 1 } })
  })

  test('takes own properties alone, and leaves prototypes as they are', () => {
    const args = JSON.parse('{"__proto__":{"polluted":1}}') as JsonObject
    const selected = selectArguments(args, ['/__proto__', '/constructor', '/toString'])
    expect(Object.keys(selected)).toEqual(['__proto__'])
    expect(Object.getPrototypeOf(selected)).toBe(Object.prototype)
    expect(({} as { polluted?: number }).polluted).toBeUndefined()
  })

  test('never changes the call', () => {
    const object = fc.dictionary(fc.string(), fc.jsonValue()) as fc.Arbitrary<JsonObject>
    fc.assert(
      fc.property(object, fc.array(fc.constantFrom('/a', '/a/b', '/b', '/a/b/c')), (args, pointers) => {
        const before = JSON.stringify(args)
        selectArguments(args, pointers)
        expect(JSON.stringify(args)).toBe(before)
      }),
    )
  })
})
