import { AssumeRoleCommand, GetCallerIdentityCommand, STSClient } from '@aws-sdk/client-sts'
import { CommandError } from '../exit-codes.ts'

interface Credentials {
  accessKeyId: string
  secretAccessKey: string
  sessionToken: string
}

/** What every client here is made with. */
export interface ClientSettings {
  region: string
  maxAttempts: number
  requestHandler: { connectionTimeout: number; requestTimeout: number }
  credentials?: Credentials
}

/** Settings of clients of an account in a region. Rejects with an Error that says why there is no way into the account. */
export type Access = (account: string, region: string) => Promise<ClientSettings>

/** A region that is away must not hold up a deploy of another one for long. */
const TIMEOUT_MS = 5000

/**
 * The ways into a deployment's accounts, for reading. Into the account of the credentials at hand (environment, profile, as for every AWS tool) directly; into another
 * one by the role for look-ups that `cdk bootstrap --trust-for-lookup` made there, as the CDK CLI itself goes.
 * @param lookupRegion a region in which every account is bootstrapped, and that is not the one which may be lost
 * @throws CommandError when there are no credentials at all
 */
export async function openAccess(lookupRegion: string): Promise<Access> {
  const common = { maxAttempts: 2, requestHandler: { connectionTimeout: TIMEOUT_MS, requestTimeout: TIMEOUT_MS } }
  const sts = new STSClient({ region: lookupRegion, ...common })
  const caller = await sts.send(new GetCallerIdentityCommand({})).catch((error: Error) => {
    throw new CommandError(`there are no AWS credentials that work here: ${error.message.split('\n', 1)[0]}`)
  })
  const assumed = new Map<string, Promise<Credentials>>()
  return async (account, region) => {
    if (account === caller.Account) return { region, ...common }
    const credentials = assumed.get(account) ?? assumeLookupRole(account)
    assumed.set(account, credentials)
    return { region, ...common, credentials: await credentials }
  }

  async function assumeLookupRole(account: string): Promise<Credentials> {
    // The bootstrap's default qualifier: roles of another one would have to be named in the app too.
    const RoleArn = `arn:aws:iam::${account}:role/cdk-hnb659fds-lookup-role-${account}-${lookupRegion}`
    const { Credentials } = await sts
      .send(new AssumeRoleCommand({ RoleArn, RoleSessionName: 'aegis', DurationSeconds: 900 }))
      .catch((error: Error) => {
        const why = error.message.split('\n', 1)[0]
        throw new Error(
          `no way into account ${account} from ${caller.Account}: ${why}: npm exec cdk -- bootstrap aws://${account}/${lookupRegion} --trust-for-lookup ${caller.Account}`,
        )
      })
    const { AccessKeyId, SecretAccessKey, SessionToken } = Credentials ?? {}
    if (AccessKeyId === undefined || SecretAccessKey === undefined || SessionToken === undefined)
      throw new Error(`STS gave no credentials for ${RoleArn}`)
    return { accessKeyId: AccessKeyId, secretAccessKey: SecretAccessKey, sessionToken: SessionToken }
  }
}
