import { randomBytes, randomUUID } from 'node:crypto'
import { asText } from '../bucket/xml.ts'

/** A role that callers of the fabric may assume, as the templates say. */
export interface AssumableRole {
  arn: string
  needsSourceIdentity: boolean
}

/** Answer of a Query service: XML, errors too. */
export interface QueryReply {
  status: number
  body: string
}

/**
 * Stands in for the part of AWS STS that Aegis uses: AssumeRole with a source identity (STS API reference, version 2011-06-15). It keeps
 * what it issued, so that the other services of the region can tell under which role a request comes.
 */
export interface Sts {
  /** @param parameters the form of the request */
  answer(parameters: URLSearchParams): QueryReply
  /** Who a request comes as, by its access key id. Credentials that STS did not issue are the region's own task's. */
  callerOf(accessKeyId: string): Caller
}

export type Caller = { kind: 'task' } | { kind: 'role'; arn: string; sourceIdentity: string | undefined } | { kind: 'unknown' }

export interface StsOptions {
  roles: readonly AssumableRole[]
  /** Milliseconds since the epoch. */
  now: () => number
}

export function stsService({ roles, now }: StsOptions): Sts {
  const issued = new Map<string, { arn: string; sourceIdentity: string | undefined; expiresAtMs: number }>()
  const forgetExpired = () => {
    for (const [id, { expiresAtMs }] of issued) if (expiresAtMs <= now()) issued.delete(id)
  }
  return {
    answer(parameters) {
      const action = parameters.get('Action')
      if (action !== 'AssumeRole') return failure(400, 'InvalidAction', `Could not find operation ${action} for version 2011-06-15`)
      const asked = parse(parameters)
      if ('fault' in asked) return failure(400, 'ValidationError', asked.fault)
      const role = roles.find(({ arn }) => arn === asked.roleArn)
      const denied = `not authorized to perform: sts:AssumeRole on resource: ${asked.roleArn}`
      if (role === undefined) return failure(403, 'AccessDenied', denied)
      if (role.needsSourceIdentity && asked.sourceIdentity === undefined)
        return failure(403, 'AccessDenied', `${denied}, as its trust policy asks for a source identity`)
      forgetExpired()
      const accessKeyId = `${ISSUED_PREFIX}${madeUpId()}`
      const expiresAtMs = now() + asked.durationS * 1000
      issued.set(accessKeyId, { arn: role.arn, sourceIdentity: asked.sourceIdentity, expiresAtMs })
      return { status: 200, body: assumed(asked, { accessKeyId, expiresAtMs }) }
    },
    callerOf(accessKeyId) {
      if (!accessKeyId.startsWith(ISSUED_PREFIX)) return { kind: 'task' }
      forgetExpired()
      const found = issued.get(accessKeyId)
      return found === undefined ? { kind: 'unknown' } : { kind: 'role', arn: found.arn, sourceIdentity: found.sourceIdentity }
    },
  }
}

/** Beginning of every temporary access key id of AWS (IAM user guide, "Unique identifiers"). */
const ISSUED_PREFIX = 'ASIA'

interface Asked {
  roleArn: string
  sessionName: string
  sourceIdentity: string | undefined
  durationS: number
}

/** Limits of the parameters: STS API reference, AssumeRole. */
const NAME = /^[\w+=,.@-]{2,64}$/
const DURATION_S = { least: 900, most: 3600 }

function parse(parameters: URLSearchParams): Asked | { fault: string } {
  const roleArn = parameters.get('RoleArn') ?? ''
  const sessionName = parameters.get('RoleSessionName') ?? ''
  const sourceIdentity = parameters.get('SourceIdentity') ?? undefined
  const durationS = Number(parameters.get('DurationSeconds') ?? DURATION_S.most)
  if (!roleArn.startsWith('arn:aws:iam::')) return { fault: 'roleArn is no ARN of a role' }
  if (!NAME.test(sessionName)) return { fault: 'roleSessionName does not satisfy [\\w+=,.@-]{2,64}' }
  if (sourceIdentity !== undefined && !NAME.test(sourceIdentity)) return { fault: 'sourceIdentity does not satisfy [\\w+=,.@-]{2,64}' }
  if (!(Number.isInteger(durationS) && durationS >= DURATION_S.least && durationS <= DURATION_S.most))
    return { fault: `durationSeconds must be ${DURATION_S.least} to ${DURATION_S.most}` }
  return { roleArn, sessionName, sourceIdentity, durationS }
}

const NAMESPACE = 'xmlns="https://sts.amazonaws.com/doc/2011-06-15/"'
const tag = (name: string, value: string) => `<${name}>${asText(value)}</${name}>`
const madeUpId = () => randomBytes(8).toString('hex').toUpperCase()

function assumed({ roleArn, sessionName, sourceIdentity }: Asked, made: { accessKeyId: string; expiresAtMs: number }): string {
  const sessionArn = `${roleArn.replace(':iam:', ':sts:').replace(':role/', ':assumed-role/')}/${sessionName}`
  const credentials = [
    tag('AccessKeyId', made.accessKeyId),
    tag('SecretAccessKey', randomBytes(30).toString('base64')),
    tag('SessionToken', randomBytes(48).toString('base64')),
    tag('Expiration', new Date(made.expiresAtMs).toISOString()),
  ].join('')
  const user = `${tag('AssumedRoleId', `AROA${madeUpId()}:${sessionName}`)}${tag('Arn', sessionArn)}`
  const identity = sourceIdentity === undefined ? '' : tag('SourceIdentity', sourceIdentity)
  const result = `${identity}<AssumedRoleUser>${user}</AssumedRoleUser><Credentials>${credentials}</Credentials>`
  const metadata = `<ResponseMetadata>${tag('RequestId', randomUUID())}</ResponseMetadata>`
  return `<AssumeRoleResponse ${NAMESPACE}><AssumeRoleResult>${result}</AssumeRoleResult>${metadata}</AssumeRoleResponse>`
}

/** Errors of a Query service (STS API reference, "Common errors"). */
export function failure(status: number, code: string, message: string): QueryReply {
  const error = `<Error><Type>Sender</Type>${tag('Code', code)}${tag('Message', message)}</Error>`
  return { status, body: `<ErrorResponse ${NAMESPACE}>${error}${tag('RequestId', randomUUID())}</ErrorResponse>` }
}
