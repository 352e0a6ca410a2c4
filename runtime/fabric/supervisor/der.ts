// The few DER shapes (ITU-T X.690) that a certificate is made of. Node reads certificates but cannot write them.

export const der = {
  sequence: (...items: Uint8Array[]) => tagged(0x30, ...items),
  set: (...items: Uint8Array[]) => tagged(0x31, ...items),
  /** A non-negative integer from its big-endian bytes. */
  integer: (bytes: Uint8Array) => tagged(0x02, positive(bytes)),
  boolean: (value: boolean) => tagged(0x01, Uint8Array.of(value ? 0xff : 0)),
  bitString: (bytes: Uint8Array, unusedBits = 0) => tagged(0x03, Uint8Array.of(unusedBits), bytes),
  octetString: (bytes: Uint8Array) => tagged(0x04, bytes),
  utf8: (text: string) => tagged(0x0c, Buffer.from(text, 'utf8')),
  /** Whole seconds; UTCTime up to 2049, GeneralizedTime after it (RFC 5280, section 4.1.2.5). */
  time(date: Date) {
    const digits = `${date.toISOString().replace(/\.\d+Z$|[-:T]/g, '')}Z`
    return date.getUTCFullYear() < 2050 ? tagged(0x17, Buffer.from(digits.slice(2), 'ascii')) : tagged(0x18, Buffer.from(digits, 'ascii'))
  },
  oid,
  /** Context-specific tag around whole values. */
  explicit: (tag: number, ...items: Uint8Array[]) => tagged(0xa0 | tag, ...items),
  /** Context-specific tag in place of a primitive value's own. */
  implicit: (tag: number, bytes: Uint8Array) => tagged(0x80 | tag, bytes),
}

function oid(dotted: string): Uint8Array {
  const [first = 0, second = 0, ...rest] = dotted.split('.').map(Number)
  return tagged(0x06, Uint8Array.from([first * 40 + second, ...rest.flatMap(base128)]))
}

function base128(value: number): number[] {
  const bytes = [value & 0x7f]
  for (let left = value >>> 7; left > 0; left >>>= 7) bytes.unshift((left & 0x7f) | 0x80)
  return bytes
}

/** Without leading zeros, but with one where the top bit would make it negative. */
function positive(bytes: Uint8Array): Uint8Array {
  const start = bytes.findIndex((byte) => byte !== 0)
  const bare = start === -1 ? Uint8Array.of(0) : bytes.subarray(start)
  return (bare[0] ?? 0) & 0x80 ? Buffer.concat([Uint8Array.of(0), bare]) : bare
}

function tagged(tag: number, ...contents: Uint8Array[]): Uint8Array {
  const body = Buffer.concat(contents)
  const { length } = body
  const size = length < 0x80 ? [length] : length < 0x100 ? [0x81, length] : [0x82, length >>> 8, length & 0xff]
  if (length > 0xffff) throw new Error(`a DER value of ${length} bytes is larger than this writer makes`)
  return Buffer.concat([Uint8Array.from([tag, ...size]), body])
}
