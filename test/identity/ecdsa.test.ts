import { generateKeyPairSync, sign, verify } from 'node:crypto'
import { derToJose } from '../../runtime/identity/ecdsa.ts'

const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })

test('converts every DER signature that OpenSSL makes, short integers included', () => {
  for (let i = 0; i < 600; i++) {
    const message = Buffer.from(String(i))
    const joined = derToJose(sign('sha256', message, privateKey))
    expect(joined).toHaveLength(64)
    expect(verify('sha256', message, { key: publicKey, dsaEncoding: 'ieee-p1363' }, joined)).toBe(true)
  }
})

test.each([
  ['nothing', []],
  ['another type', [0x31, 0x00]],
  ['a wrong length', [0x30, 0x09, 0x02, 0x01, 0x01, 0x02, 0x01, 0x01]],
  ['one integer alone', [0x30, 0x03, 0x02, 0x01, 0x01]],
  ['bytes after the integers', [0x30, 0x08, 0x02, 0x01, 0x01, 0x02, 0x01, 0x01, 0x05, 0x00]],
  ['an integer beyond the curve', [0x30, 0x26, 0x02, 0x21, ...new Array(33).fill(0x7f), 0x02, 0x01, 0x01]],
])('refuses %s', (_name, bytes) => {
  expect(() => derToJose(Uint8Array.from(bytes))).toThrow()
})
