import type { Binding } from './zones.ts'

export type JsonValue = null | boolean | number | string | JsonValue[] | { [key: string]: JsonValue }
export type JsonObject = { [key: string]: JsonValue }

/** The protocols by which a call reaches the gateway. */
export type DoorName = 'decision_api' | 'tool_proxy'

/** One attempt to call a tool, as a door parsed it. Nothing in it is trusted but its shape. */
export interface ToolCall {
  door: DoorName
  tool: string
  action: string
  arguments: JsonObject
  /** Bytes of the body as received. */
  bytes: number
  chain?: string
  approval?: string
  /** The header `aegis-attestation`: the signed permission with which the call left another zone. */
  attestation?: string
  idempotencyKey?: string
}

/** Who calls and for whom, from a verified token: never from a header or body. */
export interface Principal {
  agentId: string
  tenant: string
  /** The token's zone claim: a zone, or `global` for tenants with binding none. */
  zone: string
  binding: Binding
  tokenId: string
  /** The token's session, which its calls' chain belongs to. */
  session?: string
  /** Region whose token service issued it. */
  issuerRegion: string
  /** Name of the key that signed it. */
  keyId: string
  /** Seconds since the epoch. */
  expiresAt: number
}
