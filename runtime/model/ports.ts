// What the rooms above need from the world, named once and passed in.

export interface Clock {
  /** Milliseconds since the epoch. */
  now(): number
  /** Milliseconds that never run back, for durations. */
  monotonic(): number
}

/** Signs with a P-256 key that it does not reveal: a KMS key, in the fabric and in AWS alike. */
export interface Signer {
  /** Name of the key in JWS headers and JWKS. */
  readonly keyId: string
  /** ES256 over the message: 64 bytes, r then s (RFC 7518, section 3.4). */
  sign(message: Uint8Array): Promise<Uint8Array>
}

/** Immutable objects by key, in one bucket. */
export interface ObjectStore {
  /** @returns the object, or undefined if there is none */
  get(key: string): Promise<Uint8Array | undefined>
  /** Resolves when the object can be read back. */
  put(key: string, body: Uint8Array): Promise<void>
}

/** Objects whose keys can be listed, and each of which can be put once for all. */
export interface ObjectArchive extends ObjectStore {
  /** Puts an object where none stands. @returns false when another was there before, which stays as it is */
  create(key: string, body: Uint8Array): Promise<boolean>
  /** Keys that begin with `prefix` and come after `after`, in the order of their UTF-8 bytes. */
  list(prefix: string, after?: string): Promise<string[]>
}

/** One resolution of a name: every address of the answer, so that each can be checked. */
export interface Resolver {
  /** @returns IPv4 and IPv6 literals, the same list while an answer lives; empty when the name does not exist. Rejects when no answer came. */
  resolve(host: string): Promise<readonly string[]>
}

export interface DialRequest {
  url: URL
  method: string
  headers: Record<string, string>
  body?: Uint8Array
  /** Checked addresses: the connection goes to one of these, whatever the name says by now. */
  addresses: readonly string[]
  timeoutMs: number
  maxResponseBytes: number
}

export interface DialResponse {
  status: number
  headers: Record<string, string>
  body: Uint8Array
}

/** Opens the connection to a tool, pinned to checked addresses. Never follows a redirect. */
export interface Dialer {
  dial(request: DialRequest): Promise<DialResponse>
  close(): Promise<void>
}
