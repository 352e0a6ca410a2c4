import type { Dialer, Resolver } from '../../model/ports.ts'
import { servedDigest } from '../../policy/definition.ts'
import { arePublic } from './public-address.ts'

/** What was served: a digest, or that it was no definition. */
export type Seen = { sha256: string } | { fault: string }

const TIMEOUT_MS = 5000
const DEFINITION_BYTES_MAX = 1024 * 1024

/**
 * Asks a tool what it is: name resolved once, every address checked, connection pinned, no redirect followed.
 * @returns what is served; or why nothing could be read, which says nothing of the definition
 */
export async function askDefinition(
  url: URL,
  host: { name: string } | { addresses: readonly string[] },
  { resolver, dialer }: { resolver: Resolver; dialer: Dialer },
): Promise<Seen | { failure: string }> {
  try {
    const addresses = 'addresses' in host ? host.addresses : await resolver.resolve(host.name)
    if (addresses.length === 0 || !arePublic(addresses)) return { failure: 'the endpoint has no public address' }
    const headers = { accept: 'application/json', 'accept-encoding': 'identity' }
    const limits = { timeoutMs: TIMEOUT_MS, maxResponseBytes: DEFINITION_BYTES_MAX }
    const { status, body } = await dialer.dial({ url, method: 'GET', headers, addresses, ...limits })
    // A server in trouble has not spoken about its definition; one that no longer has it, has.
    if (status >= 500 || status === 429) return { failure: `the tool answered with status ${status}` }
    if (status !== 200) return { fault: `the tool answered with status ${status}` }
    return digestOf(body)
  } catch (error) {
    // Too much of an answer is one: or a tool could hide a new definition by making it long.
    if (codeOf(error) === 'UND_ERR_RES_EXCEEDED_MAX_SIZE') return { fault: 'what the tool serves is too large' }
    return { failure: error instanceof Error ? error.message : String(error) }
  }
}

function codeOf(error: unknown): unknown {
  return error instanceof Error && 'code' in error ? error.code : undefined
}

function digestOf(body: Uint8Array): Seen {
  try {
    return { sha256: servedDigest(body) }
  } catch {
    return { fault: 'what the tool serves is no JSON' }
  }
}
