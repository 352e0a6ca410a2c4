import { PLACEHOLDER_TRUST_ROOT, type TrustRoot } from '../../../config/trust.ts'
import { mergeTrust, zoneRefusal } from '../../../runtime/cli/deploy/pins.ts'

const [template] = PLACEHOLDER_TRUST_ROOT.keys as [TrustRoot['keys'][number]]
// Whether they are points of the curve is the reader's to say.
const key = (kid: string) => ({ ...template, kid, x: kid.padEnd(43, 'x') })
const [old, current, next] = [key('old'), key('current'), key('next')]
const root = (...keys: TrustRoot['keys']): TrustRoot => ({ keys })

describe('a trust root that is pinned', () => {
  it('has the key that signs, where there was none or only the placeholder', () => {
    const pinned = { keys: [current], added: ['current'], dropped: [] }
    expect(mergeTrust({ before: undefined, current, replace: false })).toEqual(pinned)
    expect(mergeTrust({ before: PLACEHOLDER_TRUST_ROOT, current, replace: false })).toEqual(pinned)
  })

  it('stays as it is when nothing has changed', () => {
    expect(mergeTrust({ before: root(current), current, replace: false })).toEqual({ keys: [current], added: [], dropped: [] })
  })

  it('has the next key beside the present one', () => {
    expect(mergeTrust({ before: root(current), current, next, replace: false })).toEqual({
      keys: [current, next],
      added: ['next'],
      dropped: [],
    })
  })

  it('keeps a key that gateways may still believe when another one signs', () => {
    expect(mergeTrust({ before: root(old), current, replace: false })).toEqual({ keys: [old, current], added: ['current'], dropped: [] })
  })

  it('keeps the next key while the present one signs', () => {
    expect(mergeTrust({ before: root(current, next), current, replace: false })).toMatchObject({ keys: [current, next], dropped: [] })
  })

  it('refuses a third key, and names what would have to go', () => {
    expect(mergeTrust({ before: root(old, next), current, replace: false })).toEqual({
      refusal: expect.stringMatching(/old and next.*--replace/),
    })
    expect(mergeTrust({ before: root(old), current, next, replace: false })).toHaveProperty('refusal')
  })

  it('drops a key only when somebody says so, and tells it', () => {
    expect(mergeTrust({ before: root(old, current), current, replace: true })).toEqual({ keys: [current], added: [], dropped: ['old'] })
  })

  it('knows a key that was written by hand by its point, not by its id', () => {
    const byHand = { ...current, kid: '2026-11' }
    expect(mergeTrust({ before: root(byHand), current, replace: false })).toEqual({ keys: [byHand], added: [], dropped: [] })
  })
})

describe('a hosted zone that is pinned', () => {
  it('is taken where there was none, or the same', () => {
    expect([undefined, 'ZNEW'].map((pinned) => zoneRefusal(pinned, 'ZNEW', false))).toEqual([undefined, undefined])
  })

  it('refuses another one, but for --replace', () => {
    expect(zoneRefusal('ZOLD', 'ZNEW', false)).toContain('ZOLD is pinned')
    expect(zoneRefusal('ZOLD', 'ZNEW', true)).toBeUndefined()
  })
})
