import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { loadPrices, PriceError, parsePrices, priceOf } from '../../config/prices.ts'

const source = 'https://aws.amazon.com/fargate/pricing/'
const list = (items: Record<string, unknown>, date = '2026-11-27') => JSON.stringify({ date, currency: 'USD', how: 'typed', items })
const item = (usd: unknown) => ({ what: 'a thing', source, usd })

describe('a price list', () => {
  it('has a price everywhere, or by region with one for all others', () => {
    const prices = parsePrices('2026-11-27.json', list({ key: item({ any: 1 }), nat: item({ 'us-east-1': 0.045, other: [0.04, 0.09] }) }))
    expect(priceOf(prices, 'key', 'eu-west-1')).toEqual({ low: 1, high: 1 })
    expect(priceOf(prices, 'nat', 'us-east-1')).toEqual({ low: 0.045, high: 0.045 })
    expect(priceOf(prices, 'nat', 'eu-south-2')).toEqual({ low: 0.04, high: 0.09 })
  })

  it('refuses to make up a price that it does not have', () => {
    const prices = parsePrices('2026-11-27.json', list({}))
    expect(() => priceOf(prices, 'nat-hour', 'eu-west-1')).toThrow(new PriceError('no price of nat-hour in eu-west-1'))
  })

  it.each([
    ['a negative price', list({ x: item({ any: -1 }) }), 'must not be negative'],
    ['a range the wrong way round', list({ x: item({ any: [2, 1] }) }), 'must be a lower and a higher number'],
    ['a range of one price', list({ x: item({ any: [1, 1] }) }), 'one number is a price that is known'],
    ['no price for other regions', list({ x: item({ 'us-east-1': 1 }) }), 'needs either `any`'],
    ['a price without a source', list({ x: { what: 'a thing', usd: { any: 1 } } }), 'items.x.source'],
    ['another currency', list({}).replace('USD', 'EUR'), 'currency'],
    ["a date that is not the file's", list({}, '2026-01-01'), 'is not the date in the file’s name'.replace('’', "'")],
  ])('refuses %s', (_what, text, message) => {
    expect(() => parsePrices('2026-11-27.json', text)).toThrow(message)
  })

  it('is the newest of its folder', () => {
    const folder = mkdtempSync(join(tmpdir(), 'aegis-prices-'))
    for (const date of ['2025-12-31', '2026-11-27', '2026-02-01']) writeFileSync(join(folder, `${date}.json`), list({}, date))
    writeFileSync(join(folder, 'notes.json'), '{}')
    expect(loadPrices(pathToFileURL(`${folder}/`)).date).toBe('2026-11-27')
    rmSync(folder, { recursive: true, force: true })
  })

  it('refuses a folder without one', () => {
    const folder = mkdtempSync(join(tmpdir(), 'aegis-prices-'))
    expect(() => loadPrices(pathToFileURL(`${folder}/`))).toThrow('has no price list')
    rmSync(folder, { recursive: true, force: true })
  })

  it('of this repository says for each price where it is published, and that nobody compared them', () => {
    const prices = loadPrices(new URL('../../config/prices/', import.meta.url))
    expect(prices.how).toContain('nobody has compared them')
    for (const [name, { source: page }] of Object.entries(prices.items))
      expect([name, page]).toEqual([name, expect.stringMatching(/^https:\/\/aws\.amazon\.com\/.*pricing/)])
  })
})
