import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { certificateThumbprint } from '../../identity/client-certificate.ts'
import { OAuthError } from '../../identity/oauth-error.ts'
import { CLIENT_CREDENTIALS, type IssuedToken, JWT_BEARER, TOKEN_PATH, type TokenService } from '../../identity/token-service.ts'
import type { TrustedIssuers } from '../../identity/verify-token.ts'
import { AegisError } from '../../model/codes.ts'
import { limitInFlight } from '../in-flight.ts'

export interface TokenServiceDoorOptions {
  service: TokenService
  /** The directory in force. */
  active: () => TrustedIssuers | undefined
  zone: string
  /** This region's public URL: the issuer. */
  regionUrl: string
  /** Header in which the load balancer, and nobody else, passes the client certificate. Default: none is believed. */
  mtlsHeader?: string | undefined
  /** Most requests at once: their senders are strangers until the body is read. */
  maxInFlight: number
  /** Called for each token before it is handed out: when it rejects, there is no token. */
  issued?: (token: IssuedToken) => Promise<void>
}

const FORM_BYTES_MAX = 32 * 1024
const KEYS_MAX_AGE_S = 60
const METADATA_MAX_AGE_S = 3600

/** `POST /oauth/token`, `GET /.well-known/jwks.json` and `GET /.well-known/oauth-authorization-server` of a region. */
export function tokenServiceDoor({ service, active, zone, regionUrl, mtlsHeader, maxInFlight, issued }: TokenServiceDoorOptions) {
  return async (app: FastifyInstance) => {
    limitInFlight(app, maxInFlight)
    app.removeAllContentTypeParsers()
    app.addContentTypeParser(
      'application/x-www-form-urlencoded',
      { parseAs: 'buffer', bodyLimit: FORM_BYTES_MAX },
      (_request, body, done) => done(null, body),
    )
    app.setErrorHandler((error, request, reply) => answerError(asOAuthError(error), request, reply))

    app.post(TOKEN_PATH, async (request, reply) => {
      const token = await service.issue({ form: formOf(request.body), ...headersOf(request, mtlsHeader) })
      await issued?.(token)
      const { accessToken, tokenType, expiresInS, session } = token
      return neverCached(reply).send({ access_token: accessToken, token_type: tokenType, expires_in: expiresInS, session })
    })

    app.get('/.well-known/jwks.json', async (_request, reply) => {
      const trusted = active()
      if (trusted === undefined) throw new OAuthError('temporarily_unavailable', 'no verified directory is in force')
      const ofZone = [...trusted.issuers.values()].filter((issuer) => issuer.zone === zone)
      const keys = ofZone.flatMap((issuer) =>
        issuer.keys.map(({ kty, crv, x, y, kid }) => ({ kty, crv, x, y, kid, alg: 'ES256', use: 'sig' })),
      )
      return reply.header('cache-control', `public, max-age=${KEYS_MAX_AGE_S}`).send({ keys })
    })

    app.get('/.well-known/oauth-authorization-server', async (_request, reply) =>
      reply.header('cache-control', `public, max-age=${METADATA_MAX_AGE_S}`).send(metadata(regionUrl, mtlsHeader !== undefined)),
    )
  }
}

/** RFC 8414, section 2; RFC 8705, section 3.3; RFC 9449, section 5.1. */
function metadata(regionUrl: string, bindsCertificates: boolean) {
  return {
    issuer: regionUrl,
    token_endpoint: `${regionUrl}${TOKEN_PATH}`,
    jwks_uri: `${regionUrl}/.well-known/jwks.json`,
    response_types_supported: [],
    grant_types_supported: [CLIENT_CREDENTIALS, JWT_BEARER],
    token_endpoint_auth_methods_supported: ['client_secret_basic', 'client_secret_post', 'private_key_jwt'],
    token_endpoint_auth_signing_alg_values_supported: ['ES256'],
    dpop_signing_alg_values_supported: ['ES256'],
    tls_client_certificate_bound_access_tokens: bindsCertificates,
  }
}

/** @throws OAuthError invalid_request when it is no form, or a parameter comes twice (RFC 6749, section 3.2) */
function formOf(body: unknown): ReadonlyMap<string, string> {
  if (!Buffer.isBuffer(body)) throw notAForm()
  const form = new Map<string, string>()
  for (const [name, value] of new URLSearchParams(body.toString())) {
    if (form.has(name)) throw new OAuthError('invalid_request', 'a parameter comes twice')
    // A parameter without a value counts as left out (RFC 6749, section 3.2).
    if (value !== '') form.set(name, value)
  }
  return form
}

/** Node joins or drops what comes twice; a proxy in front may have looked at the other one. */
function headersOf({ raw, headers }: FastifyRequest, mtlsHeader: string | undefined) {
  const single = ['authorization', 'dpop', 'content-type', ...(mtlsHeader === undefined ? [] : [mtlsHeader])]
  const names = raw.rawHeaders.filter((_, index) => index % 2 === 0).map((name) => name.toLowerCase())
  if (single.some((name) => names.indexOf(name) !== names.lastIndexOf(name)))
    throw new OAuthError('invalid_request', 'a header comes twice')
  if ((headers['content-encoding'] ?? 'identity') !== 'identity') throw notAForm()
  const one = (name: string) => (typeof headers[name] === 'string' ? headers[name] : undefined)
  const { authorization } = headers
  const dpop = one('dpop')
  const certificate = certificateThumbprint(mtlsHeader === undefined ? undefined : one(mtlsHeader))
  return {
    ...(authorization !== undefined && { authorization }),
    ...(dpop !== undefined && { dpop }),
    ...(certificate !== undefined && { certificate }),
  }
}

function asOAuthError(error: unknown): OAuthError {
  if (error instanceof OAuthError) return error
  if (error instanceof AegisError && error.code === 'overloaded') return new OAuthError('temporarily_unavailable', error.message)
  const { statusCode } = error as { statusCode?: number }
  if (statusCode !== undefined && statusCode < 500) return notAForm(error)
  return new OAuthError('temporarily_unavailable', 'the token could not be made', { cause: error })
}

function notAForm(cause?: unknown): OAuthError {
  return new OAuthError('invalid_request', `the body is not application/x-www-form-urlencoded of at most ${FORM_BYTES_MAX} bytes`, {
    cause,
  })
}

function answerError(error: OAuthError, request: FastifyRequest, reply: FastifyReply) {
  if (!request.raw.complete) reply.header('connection', 'close')
  if (error.status === 401 && request.headers.authorization !== undefined) reply.header('www-authenticate', 'Basic realm="aegis"')
  if (error.code === 'slow_down') reply.header('retry-after', '60')
  if (error.status >= 500 && error.cause !== undefined) request.log.error({ err: error.cause, code: error.code }, 'no token was issued')
  return neverCached(reply).code(error.status).send({ error: error.code, error_description: error.message })
}

/** RFC 6749, section 5.1. */
function neverCached(reply: FastifyReply): FastifyReply {
  return reply.header('cache-control', 'no-store').header('pragma', 'no-cache')
}
