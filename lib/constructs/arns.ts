// ARNs from names. Stacks of other regions and accounts are named, never referenced, so that no stack waits for another's output.

export const tableArn = (region: string, account: string, table: string) => `arn:aws:dynamodb:${region}:${account}:table/${table}`
export const roleArn = (account: string, role: string) => `arn:aws:iam::${account}:role/${role}`
export const bucketArn = (bucket: string) => `arn:aws:s3:::${bucket}`
export const logGroupArn = (region: string, account: string, logGroup: string) => `arn:aws:logs:${region}:${account}:log-group:${logGroup}`
/** Whatever is written into a log group. */
export const logStreamsArn = (region: string, account: string, logGroup: string) => `${logGroupArn(region, account, logGroup)}:*`
export const repositoryArn = (region: string, account: string, repository: string) =>
  `arn:aws:ecr:${region}:${account}:repository/${repository}`
/** A secret by its name: what API calls take. AWS adds a hyphen and six characters of its own to the real ARN. */
export const secretArn = (region: string, account: string, secret: string) => `arn:aws:secretsmanager:${region}:${account}:secret:${secret}`
/** The same as a policy must write it. */
export const secretArnPattern = (region: string, account: string, secret: string) => `${secretArn(region, account, secret)}-??????`
/** Every key of an account in a region: to be narrowed by a condition on the key's alias. */
export const keysArn = (region: string, account: string) => `arn:aws:kms:${region}:${account}:key/*`
export const alarmArn = (region: string, account: string, alarm: string) => `arn:aws:cloudwatch:${region}:${account}:alarm:${alarm}`
export const parameterArn = (region: string, account: string, parameter: string) => `arn:aws:ssm:${region}:${account}:parameter${parameter}`
export const topicArn = (region: string, account: string, topic: string) => `arn:aws:sns:${region}:${account}:${topic}`
export const backupVaultArn = (region: string, account: string, vault: string) =>
  `arn:aws:backup:${region}:${account}:backup-vault:${vault}`
export const hostedZoneArn = (hostedZoneId: string) => `arn:aws:route53:::hostedzone/${hostedZoneId}`
