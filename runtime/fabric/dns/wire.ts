import dnsPacket, { type Answer, type DecodedPacket, type OptAnswer, type RecordType } from 'dns-packet'
import type { DnsRecord, Soa } from './answer.ts'

/** Where a query says that its client is (RFC 7871). */
export interface ClientSubnet {
  ip: string
  prefixLength: number
}

/** A query as it came over UDP or TCP, checked as far as an answer needs it. */
export interface WireQuery {
  id: number
  recursionDesired: boolean
  name: string
  type: string
  /** Bytes that the querier takes over UDP: 512 without EDNS (RFC 1035), at most 1232 with it (DNS flag day 2020). */
  udpBytesMax: number
  edns: boolean
  subnet: ClientSubnet | undefined
}

export const RCODES = { NOERROR: 0, FORMERR: 1, SERVFAIL: 2, NXDOMAIN: 3, NOTIMP: 4, REFUSED: 5, BADVERS: 16 } as const
export type Rcode = keyof typeof RCODES

/** Why a packet gets no real answer. `undefined` means that nothing is sent: it is no query at all. */
export type Refusal = { id: number; rcode: Rcode } | undefined

/** Decodes a packet from anyone: never throws. */
export function decodeQuery(bytes: Buffer): { query: WireQuery } | { refusal: Refusal } {
  if (bytes.length < 12) return { refusal: undefined }
  const id = bytes.readUInt16BE(0)
  const flags = bytes.readUInt16BE(2)
  // An answer to an answer is how two servers talk for ever.
  if ((flags & 0x8000) !== 0) return { refusal: undefined }
  if (((flags >> 11) & 0xf) !== 0) return { refusal: { id, rcode: 'NOTIMP' } }
  const refuse = (rcode: Rcode) => ({ refusal: { id, rcode } })
  let packet: DecodedPacket
  try {
    packet = dnsPacket.decode(bytes)
  } catch {
    return refuse('FORMERR')
  }
  const [question, second] = packet.questions ?? []
  if (question === undefined || second !== undefined) return refuse('FORMERR')
  const opts = (packet.additionals ?? []).filter(({ type }) => type === 'OPT') as OptAnswer[]
  if (opts.length > 1) return refuse('FORMERR')
  const [opt] = opts
  if (opt !== undefined && opt.ednsVersion !== 0) return refuse('BADVERS')
  if (question.class !== 'IN') return refuse('REFUSED')
  const subnet = opt === undefined ? undefined : readSubnet(opt)
  if (subnet === 'malformed') return refuse('FORMERR')
  return {
    query: {
      id,
      recursionDesired: packet.flag_rd,
      name: question.name === '.' ? '' : question.name.replace(/\.$/, ''),
      type: question.type,
      udpBytesMax: opt === undefined ? 512 : Math.min(1232, Math.max(512, opt.udpPayloadSize)),
      edns: opt !== undefined,
      subnet,
    },
  }
}

/** RFC 7871, section 6: the family is known, the prefix fits it, the scope is 0 in a query, and no bit stands past the prefix. */
function readSubnet(opt: OptAnswer): ClientSubnet | undefined | 'malformed' {
  const option = opt.options.find(({ code }) => code === 8)
  if (option === undefined) return undefined
  const { data } = option as { data?: Buffer }
  if (data === undefined || data.length < 4) return 'malformed'
  const family = data.readUInt16BE(0)
  const prefixLength = data.readUInt8(2)
  const bits = family === 1 ? 32 : family === 2 ? 128 : -1
  if (bits < 0 || prefixLength > bits || data.readUInt8(3) !== 0 || data.length - 4 !== Math.ceil(prefixLength / 8)) return 'malformed'
  const spare = (8 - (prefixLength % 8)) % 8
  if (spare > 0 && ((data.at(-1) as number) & ((1 << spare) - 1)) !== 0) return 'malformed'
  return { ip: (option as { ip: string }).ip, prefixLength }
}

export interface WireAnswer {
  rcode: Rcode
  answers: DnsRecord[]
  authorities: DnsRecord[]
  /** Prefix length that the answer holds for (RFC 7871, section 7.2.1). */
  scopePrefixLength: number
}

/** Encodes an answer. Over `bytesMax` it is cut to an empty one with the TC bit, and the querier comes back by TCP. */
export function encodeAnswer(query: WireQuery, answer: WireAnswer, bytesMax: number): Buffer {
  const encode = (flags: number, answers: DnsRecord[], authorities: DnsRecord[]) =>
    dnsPacket.encode({
      type: 'response',
      id: query.id,
      flags: flags | RCODES[answer.rcode] | (query.recursionDesired ? dnsPacket.RECURSION_DESIRED : 0),
      questions: [{ name: query.name || '.', type: query.type as RecordType, class: 'IN' }],
      answers: answers.map(toAnswer),
      authorities: authorities.map(toAnswer),
      additionals: query.edns ? [optOf(query, answer)] : [],
    })
  const authoritative = answer.rcode === 'NOERROR' || answer.rcode === 'NXDOMAIN' ? dnsPacket.AUTHORITATIVE_ANSWER : 0
  const full = encode(authoritative, answer.answers, answer.authorities)
  return full.length <= bytesMax ? full : encode(authoritative | dnsPacket.TRUNCATED_RESPONSE, [], [])
}

/** A header alone, for what could not be read. The upper bits of BADVERS would need an OPT record: they travel in one. */
export function encodeRefusal({ id, rcode }: { id: number; rcode: Rcode }): Buffer {
  const code = RCODES[rcode]
  const additionals: Answer[] = code > 15 ? [{ ...emptyOpt, extendedRcode: code >> 4 }] : []
  return dnsPacket.encode({ type: 'response', id, flags: code & 0xf, questions: [], additionals })
}

const emptyOpt: OptAnswer = {
  type: 'OPT',
  name: '.',
  udpPayloadSize: 1232,
  extendedRcode: 0,
  ednsVersion: 0,
  flags: 0,
  flag_do: false,
  options: [],
}

function optOf({ subnet }: WireQuery, { scopePrefixLength }: WireAnswer): OptAnswer {
  if (subnet === undefined) return emptyOpt
  const family = subnet.ip.includes(':') ? 2 : 1
  return { ...emptyOpt, options: [{ code: 8, family, ip: subnet.ip, sourcePrefixLength: subnet.prefixLength, scopePrefixLength }] }
}

/** A query with an optional client subnet, as the stub resolver sends it. */
export function encodeQuery(id: number, name: string, type: string, subnet?: ClientSubnet): Buffer {
  const options: OptAnswer['options'] =
    subnet === undefined ? [] : [{ code: 8, family: 1, ip: subnet.ip, sourcePrefixLength: subnet.prefixLength, scopePrefixLength: 0 }]
  return dnsPacket.encode({
    type: 'query',
    id,
    flags: dnsPacket.RECURSION_DESIRED,
    questions: [{ name, type: type as RecordType }],
    additionals: [{ ...emptyOpt, options }],
  })
}

function toAnswer({ name, type, ttlS, data }: DnsRecord): Answer {
  const strings = type === 'TXT' ? unquote(data as string) : data
  return { name, type, ttl: ttlS, class: 'IN', data: strings } as Answer & { data: string | Soa | string[] }
}

/** Route 53 writes TXT values as quoted strings, several to a value. */
function unquote(value: string): string[] {
  const quoted = [...value.matchAll(/"((?:[^"\\]|\\.)*)"/g)].map(([, text]) => (text ?? '').replace(/\\(.)/g, '$1'))
  return quoted.length > 0 ? quoted : [value]
}
