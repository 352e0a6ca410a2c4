import { z } from 'zod'
import type { Clock } from '../model/ports.ts'
import type { Client } from '../policy/directory.ts'
import { verifyCompact } from '../policy/jws.ts'
import { parseTrustRoot, TrustError } from '../policy/trust.ts'
import { decodeJsonPart, splitCompactJws } from './compact-jws.ts'
import { OAuthError, type OAuthErrorCode } from './oauth-error.ts'
import { replayGuard } from './replay-guard.ts'

/** Longest an assertion may still live, in seconds: as long as its id is remembered. */
export const ASSERTION_LIFETIME_MAX_S = 300
const CLOCK_SKEW_S = 30
const ASSERTION_CHARACTERS_MAX = 8192
const ASSERTIONS_REMEMBERED_MAX = 100_000
const ASSERTIONS_PER_WORKLOAD_MAX = 10_000

/** How an assertion may call itself. An access token, a DPoP proof or an override token under the same key is none. */
const TYPES = new Set([undefined, 'JWT', 'client-authentication+jwt', 'authorization-grant+jwt'])

const headerSchema = z.object({ typ: z.string().optional() })
const namesSchema = z.object({ iss: z.string(), sub: z.string() })
const claimsSchema = namesSchema.extend({
  // One audience: an assertion that is good here and elsewhere could be taken elsewhere by us.
  aud: z.union([z.string(), z.tuple([z.string()]).transform(([only]) => only)]),
  exp: z.number(),
  iat: z.number().optional(),
  nbf: z.number().optional(),
  jti: z.string().min(1).max(256),
})

export interface AssertionOptions {
  /** What an assertion may be for: this region's issuer URL or token endpoint. Never a name that other regions share. */
  audiences: readonly string[]
  clock: Clock
}

/**
 * Checks JWT assertions of workloads (RFC 7523, section 3) against the issuers and keys of the directory. Each is good once in this process.
 * @returns a function that gives the agent's client entry
 * @throws OAuthError `code` for whatever is wrong with the assertion; temporarily_unavailable when it cannot be remembered
 */
export function assertionChecker({ audiences, clock }: AssertionOptions) {
  const retentionMs = (ASSERTION_LIFETIME_MAX_S + 2 * CLOCK_SKEW_S) * 1000
  const used = replayGuard({ clock, retentionMs, entriesMax: ASSERTIONS_REMEMBERED_MAX, perOwnerMax: ASSERTIONS_PER_WORKLOAD_MAX })

  return (clients: ReadonlyMap<string, Client>, assertion: string, code: OAuthErrorCode): Client => {
    const refusal = (what: string, cause?: unknown) => new OAuthError(code, `the assertion ${what}`, { cause })
    const { client, claims } = signedBy(clients, assertion, refusal)
    const nowS = clock.now() / 1000
    if (!audiences.includes(claims.aud)) throw refusal('is for another audience')
    if (claims.exp + CLOCK_SKEW_S <= nowS) throw refusal('has expired')
    if (claims.exp > nowS + ASSERTION_LIFETIME_MAX_S + CLOCK_SKEW_S) throw refusal(`lives longer than ${ASSERTION_LIFETIME_MAX_S} seconds`)
    if (Math.max(claims.iat ?? 0, claims.nbf ?? 0) > nowS + CLOCK_SKEW_S) throw refusal('is of the future')
    const use = used.use(JSON.stringify([claims.iss, claims.sub]), claims.jti)
    if (use === 'full') throw new OAuthError('temporarily_unavailable', 'too many assertions within a few minutes')
    if (use === 'again') throw refusal('was used before')
    return client
  }
}

type Refusal = (what: string, cause?: unknown) => OAuthError

function signedBy(clients: ReadonlyMap<string, Client>, assertion: string, refusal: Refusal) {
  const parts = assertion.length <= ASSERTION_CHARACTERS_MAX ? splitCompactJws(assertion) : undefined
  if (parts === undefined) throw refusal('is no compact JWS')
  try {
    if (!TYPES.has(headerSchema.parse(decodeJsonPart(parts.header)).typ)) throw refusal('is of another type')
    const { iss, sub } = namesSchema.parse(decodeJsonPart(parts.payload))
    const known = workloadsOf(clients).get(JSON.stringify([iss, sub]))
    // Who signs is looked up by what is claimed; whether it is true, the signature says.
    if (known === undefined) throw refusal('is of an unknown workload, or its signature does not hold')
    return { client: known.client, claims: claimsSchema.parse(verifyCompact(assertion, parseTrustRoot({ keys: known.keys }))) }
  } catch (error) {
    if (error instanceof OAuthError) throw error
    if (error instanceof TrustError) throw refusal('is of an unknown workload, or its signature does not hold', error)
    throw refusal('has not the claims that it needs', error)
  }
}

interface Workload {
  client: Client
  keys: NonNullable<Client['assertions']>[number]['keys']
}

const workloads = new WeakMap<ReadonlyMap<string, Client>, ReadonlyMap<string, Workload>>()

/** By issuer and subject, made once for each directory: a stranger's request must not walk all clients. */
function workloadsOf(clients: ReadonlyMap<string, Client>): ReadonlyMap<string, Workload> {
  const known = workloads.get(clients)
  if (known !== undefined) return known
  const entries = [...clients.values()].flatMap((client) =>
    (client.assertions ?? []).map(({ iss, sub, keys }): [string, Workload] => [JSON.stringify([iss, sub]), { client, keys }]),
  )
  const made = new Map(entries)
  // Two agents for one workload: neither, rather than the one that happens to stand last.
  const seen = new Set<string>()
  for (const [name] of entries) if (seen.has(name) || !seen.add(name)) made.delete(name)
  workloads.set(clients, made)
  return made
}
