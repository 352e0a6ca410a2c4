export type Service = 'dynamodb' | 's3' | 'kms' | 'sts'

export interface ScopeFault {
  code: 'missing' | 'malformed' | 'region' | 'service'
  message: string
}

/**
 * Reads the scope of a SigV4 `Authorization` header, `Credential=<id>/<date>/<region>/<service>/aws4_request`
 * (IAM user guide, "Elements of an AWS API request signature"). The signature is not verified: what matters here is
 * that a caller that reached another region's endpoint is told so instead of being served.
 *
 * @returns undefined if the caller meant this region and service
 */
export function scopeFault(authorization: string | undefined, region: string, service: Service): ScopeFault | undefined {
  if (authorization === undefined) return { code: 'missing', message: 'Request is missing Authentication Token' }
  const scope = /^AWS4-[A-Z0-9-]+ .*\bCredential=[^/,\s]+\/\d{8}\/([^/,\s]+)\/([^/,\s]+)\/aws4_request\b/.exec(authorization)
  // SigV4A signs for a set of regions and names none in its scope.
  if (scope === null)
    return { code: 'malformed', message: 'Authorization header has no Credential of the form id/date/region/service/aws4_request' }
  if (scope[1] !== region)
    return { code: 'region', message: `Credential should be scoped to a valid region, not '${scope[1]}': this is ${region}` }
  if (scope[2] !== service)
    return { code: 'service', message: `Credential should be scoped to correct service: '${service}', not '${scope[2]}'` }
  return undefined
}

/** The gateways' own credentials: those of their task's role. Whoever else asks the stand-ins is the publisher, or the fabric itself. */
export const GATEWAY_ACCESS_KEY_ID = 'gateway'

/** Access key id of a SigV4 `Authorization` header; empty when there is none. */
export function accessKeyIdOf(authorization: string | undefined): string {
  return /\bCredential=([^/,\s]+)\//.exec(authorization ?? '')?.[1] ?? ''
}
