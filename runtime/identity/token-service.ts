import { AegisError } from '../model/codes.ts'
import type { Clock, Signer } from '../model/ports.ts'
import type { Tenant } from '../model/zones.ts'
import type { Client } from '../policy/directory.ts'
import { ACCESS_TOKEN_LIFETIME_MAX_S, accessTokenClaims, audienceOf, signAccessToken } from './access-token.ts'
import { assertionChecker } from './client-assertion.ts'
import { basicCredentials, secretChecker } from './client-secret.ts'
import { dpopVerifier } from './dpop.ts'
import { OAuthError } from './oauth-error.ts'
import { sessionStartMs } from './session-id.ts'

/** The part of a directory that tokens are issued by. */
export interface IssuingDirectory {
  /** By agent: this zone's, and those of tenants with binding none. */
  clients: ReadonlyMap<string, Client>
  tenants: ReadonlyMap<string, Tenant>
  /** Milliseconds since the epoch. */
  notAfterMs: number
}

export interface TokenServiceOptions {
  zone: string
  /** Issuer of this region's tokens. */
  regionUrl: string
  zoneUrl: string
  globalUrl: string
  /** The directory in force. */
  active: () => IssuingDirectory | undefined
  /** The key to sign with now; undefined when none may be used. */
  signer: () => Signer | undefined
  /** Whether a kill switch is thrown for an agent or its tenant. */
  killed: (of: { tenant: string; agent: string }) => boolean
  clock: Clock
  /** Seconds. Default and most: ten minutes. */
  lifetimeS?: number
}

/** A request as it came: nothing in it is believed yet. */
export interface TokenRequest {
  /** Parameters of the form, each at most once. */
  form: ReadonlyMap<string, string>
  authorization?: string
  dpop?: string
  /** `x5t#S256` of the client certificate, from a load balancer that is believed. */
  certificate?: string
}

export interface IssuedToken {
  accessToken: string
  tokenType: 'Bearer' | 'DPoP'
  expiresInS: number
  session: string
  agent: string
  tenant: string
  tokenId: string
}

export interface TokenService {
  /** @throws OAuthError; anything else that is thrown is a failure of ours */
  issue(request: TokenRequest): Promise<IssuedToken>
}

export const TOKEN_PATH = '/oauth/token'
export const JWT_BEARER = 'urn:ietf:params:oauth:grant-type:jwt-bearer'
export const CLIENT_CREDENTIALS = 'client_credentials'
const CLIENT_ASSERTION = 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer'

/**
 * Issues a region's access tokens (RFC 6749, section 4.4; RFC 7523). Who may have one, for which tenant and zone, the signed directory
 * says: a request chooses its session and what to be bound to, and nothing else.
 */
export function tokenService(options: TokenServiceOptions): TokenService {
  const { zone, regionUrl, zoneUrl, globalUrl, active, signer, killed, clock, lifetimeS = ACCESS_TOKEN_LIFETIME_MAX_S } = options
  if (!(lifetimeS > 0 && lifetimeS <= ACCESS_TOKEN_LIFETIME_MAX_S))
    throw new Error(`an access token lives ${lifetimeS} s, give 1 to ${ACCESS_TOKEN_LIFETIME_MAX_S}`)
  const urls = { zoneUrl, globalUrl }
  const bySecret = secretChecker(clock)
  const byAssertion = assertionChecker({ audiences: [regionUrl, `${regionUrl}${TOKEN_PATH}`], clock })
  const dpop = dpopVerifier({ baseUrls: [regionUrl, zoneUrl, globalUrl], clock, proofsMax: 20_000, proofsPerKeyMax: 1000 })

  const inForce = (): IssuingDirectory => {
    const directory = active()
    if (directory === undefined || clock.now() >= directory.notAfterMs)
      throw new OAuthError('temporarily_unavailable', 'no verified directory is in force')
    return directory
  }

  /** Who authenticates as client, by one method (RFC 6749, section 2.3); undefined when nobody does. */
  const authenticated = ({ form, authorization }: TokenRequest, clients: IssuingDirectory['clients']): Client | undefined => {
    const secret = form.get('client_secret')
    const assertion = form.get('client_assertion')
    if ([authorization, secret, assertion].filter((method) => method !== undefined).length > 1)
      throw new OAuthError('invalid_request', 'the client authenticates in more than one way')
    if (authorization !== undefined) return bySecret(clients, basicCredentials(authorization))
    if (secret !== undefined) return bySecret(clients, { id: form.get('client_id') ?? '', secret })
    if (form.get('client_assertion_type') !== (assertion === undefined ? undefined : CLIENT_ASSERTION))
      throw new OAuthError('invalid_request', 'client_assertion and client_assertion_type do not fit')
    return assertion === undefined ? undefined : byAssertion(clients, assertion, 'invalid_client')
  }

  const clientOf = (request: TokenRequest, clients: IssuingDirectory['clients']): Client => {
    const { form } = request
    const grant = grantOf(form)
    const client = authenticated(request, clients)
    if (grant === CLIENT_CREDENTIALS) {
      if (client === undefined) throw new OAuthError('invalid_client', 'the client does not authenticate')
      return client
    }
    const assertion = form.get('assertion')
    if (assertion === undefined) throw new OAuthError('invalid_request', 'assertion is missing')
    const granted = byAssertion(clients, assertion, 'invalid_grant')
    if (client !== undefined && client.agent !== granted.agent)
      throw new OAuthError('invalid_grant', 'the assertion is about another client')
    return granted
  }

  const tenantOf = (client: Client, tenants: IssuingDirectory['tenants']): Tenant => {
    const tenant = tenants.get(client.tenant)
    // The directory of a zone lists no others. To issue for one would be to speak for another zone.
    if (tenant === undefined || (tenant.binding !== 'none' && tenant.zone !== zone))
      throw new OAuthError('invalid_client', 'the client has no tenant here')
    return tenant
  }

  return {
    async issue(request) {
      const { form, certificate } = request
      const session = wishesOf(form)
      const { clients, tenants } = inForce()
      const client = clientOf(request, clients)
      if ((form.get('client_id') ?? client.agent) !== client.agent) throw new OAuthError('invalid_client', 'client_id is another client')
      const tenant = tenantOf(client, tenants)
      checkResource(form.get('resource'), audienceOf(tenant, urls))
      if (killed({ tenant: tenant.id, agent: client.agent })) throw new OAuthError('unauthorized_client', 'a kill switch is thrown')
      const jkt =
        request.dpop === undefined ? undefined : provenKey(() => dpop.verify(request.dpop ?? '', { method: 'POST', url: TOKEN_PATH }))
      const key = signer()
      if (key === undefined) throw new OAuthError('temporarily_unavailable', 'no key of this region may be used now')
      const order = { iss: regionUrl, agent: client.agent, tenant, session, jkt, certificate, nowMs: clock.now(), lifetimeS }
      const claims = accessTokenClaims(order, urls)
      return {
        accessToken: await signAccessToken(claims, key),
        tokenType: jkt === undefined ? 'Bearer' : 'DPoP',
        expiresInS: lifetimeS,
        session: claims.sid,
        agent: client.agent,
        tenant: tenant.id,
        tokenId: claims.jti,
      }
    },
  }
}

function grantOf(form: TokenRequest['form']): string {
  const grant = form.get('grant_type')
  if (grant === undefined) throw new OAuthError('invalid_request', 'grant_type is missing')
  if (grant !== CLIENT_CREDENTIALS && grant !== JWT_BEARER)
    throw new OAuthError('unsupported_grant_type', 'grant_type is neither client_credentials nor jwt-bearer')
  return grant
}

/** What a request may choose. @returns the chain session to go on with, or undefined for a new one */
function wishesOf(form: TokenRequest['form']): string | undefined {
  const session = form.get('session')
  if (session !== undefined && sessionStartMs(session) === undefined)
    throw new OAuthError('invalid_request', 'session is not one that a token of this service has named')
  // To ignore a scope would give a token that allows something else than was asked for.
  if ((form.get('scope') ?? '') !== '') throw new OAuthError('invalid_scope', 'there are no scopes: documents say what an agent may do')
  return session
}

/** A resource (RFC 8707) may only name what the token will be for anyway. */
function checkResource(resource: string | undefined, audience: string): void {
  if (resource === undefined) return
  if (URL.parse(resource)?.origin !== new URL(audience).origin)
    throw new OAuthError('invalid_target', 'tokens of this client are for another resource')
}

function provenKey(verify: () => string): string {
  try {
    return verify()
  } catch (error) {
    if (!(error instanceof AegisError)) throw error
    const code = error.code === 'invalid_token' ? 'invalid_dpop_proof' : 'temporarily_unavailable'
    throw new OAuthError(code, error.message, { cause: error })
  }
}
