import { keyOf, open, recordingKeys, seal } from '../../../runtime/gateway/recording/sealed.ts'

const secret = (fill: number) => new Uint8Array(32).fill(fill)
const key = keyOf(secret(1))
const plain = Buffer.from('what policy was asked')
const faultOf = (work: () => unknown) => {
  try {
    work()
    return 'opened'
  } catch (error) {
    return (error as { code?: string }).code ?? String(error)
  }
}

test('opens what it sealed, under the same name, and shows nothing of it', () => {
  const sealed = seal(plain, 'inputs/a', key)
  expect(Buffer.from(open(sealed, 'inputs/a', [key]))).toEqual(plain)
  expect(Buffer.from(sealed).includes('policy')).toBe(false)
  expect(Buffer.from(seal(plain, 'inputs/a', key))).not.toEqual(Buffer.from(sealed))
})

test('after a rotation the new key seals and the old one still opens', async () => {
  const before = seal(plain, 'n', key)
  const keys = await recordingKeys([async () => secret(2), async () => secret(1)])()
  const [newest = key] = keys
  expect(newest.id).not.toBe(key.id)
  expect(Buffer.from(open(before, 'n', keys))).toEqual(plain)
  expect(faultOf(() => open(seal(plain, 'n', newest), 'n', [key]))).toBe('unknown_key')
})

test('the key is not the secret, and its name tells nothing of it', () => {
  expect(Buffer.from(key.bytes)).not.toEqual(Buffer.from(secret(1)))
  expect(Buffer.from(key.bytes).toString('hex')).not.toContain(key.id)
})

test('refuses every altered bit, another name, and what is cut off', () => {
  const sealed = seal(plain, 'n', key)
  for (let at = 0; at < sealed.length; at++) {
    const altered = Uint8Array.from(sealed)
    altered[at] = (altered[at] ?? 0) ^ 1
    expect([at, faultOf(() => open(altered, 'n', [key]))]).toEqual([at, at < 4 ? 'malformed' : at < 12 ? 'unknown_key' : 'altered'])
  }
  expect(faultOf(() => open(sealed, 'another', [key]))).toBe('altered')
  for (let length = 0; length < sealed.length; length++)
    expect(['malformed', 'altered']).toContain(faultOf(() => open(sealed.slice(0, length), 'n', [key])))
  // The right id with the wrong bytes: a forged key ring.
  expect(faultOf(() => open(sealed, 'n', [{ id: key.id, bytes: keyOf(secret(3)).bytes }]))).toBe('altered')
})
