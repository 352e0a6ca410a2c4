import { hash } from 'node:crypto'
import { KMSClient } from '@aws-sdk/client-kms'
import { AssumeRoleCommand, type STSClient } from '@aws-sdk/client-sts'
import type { Signer } from '../model/ports.ts'
import { kmsSigner } from './kms-signer.ts'

/** Signs with the data-protection key, each time in the name of the person who released it. */
export interface DataProtectionKey {
  /**
   * @param officer the data protection officer's `sub`: CloudTrail names it beside every signature
   * @param session what the signature is for, such as an approval's id
   * @returns a signer for one signature
   */
  signerFor(officer: string, session: string): Promise<Signer>
}

export interface DataProtectionKeyOptions {
  sts: STSClient
  region: string
  /** The only role that may sign with the key. The gateway's own role may take it, and may not sign. */
  roleArn: string
  /** Key id, ARN or alias. */
  keyId: string
  /** A client that signs as the role. Default: one of this region, configured by the environment. */
  kmsAs?: (credentials: RoleCredentials) => KMSClient
}

export interface RoleCredentials {
  accessKeyId: string
  secretAccessKey: string
  sessionToken: string
}

/** The shortest that STS gives (AssumeRole, DurationSeconds). */
const SESSION_S = 900

export function dataProtectionKey({ sts, region, roleArn, keyId, kmsAs }: DataProtectionKeyOptions): DataProtectionKey {
  const clientOf = kmsAs ?? ((credentials) => new KMSClient({ region, maxAttempts: 2, credentials }))
  return {
    async signerFor(officer, session) {
      const { Credentials: given } = await sts.send(
        new AssumeRoleCommand({
          RoleArn: roleArn,
          RoleSessionName: sessionText(session),
          SourceIdentity: sessionText(officer),
          DurationSeconds: SESSION_S,
        }),
      )
      if (given?.AccessKeyId === undefined || given.SecretAccessKey === undefined || given.SessionToken === undefined)
        throw new Error(`STS gave no credentials for ${roleArn}`)
      const { AccessKeyId: accessKeyId, SecretAccessKey: secretAccessKey, SessionToken: sessionToken } = given
      const kms = clientOf({ accessKeyId, secretAccessKey, sessionToken })
      const { keyId: kid, sign } = await kmsSigner(kms, keyId)
      return { keyId: kid, sign: (message) => sign(message).finally(() => kms.destroy()) }
    },
  }
}

/**
 * A name as STS takes it: 2 to 64 characters of `[\w+=,.@-]` (AssumeRole, SourceIdentity and RoleSessionName). A name that has to be
 * changed gets a hash of the original behind it, so that two people never become one.
 */
export function sessionText(name: string): string {
  if (/^[\w+=,.@-]{2,64}$/.test(name)) return name
  const kept = name.replace(/[^\w+=,.@-]/g, '-').slice(0, 51)
  return `${kept}-${hash('sha256', name, 'hex').slice(0, 12)}`
}
