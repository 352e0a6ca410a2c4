// ARNs from names. Stacks of other regions and accounts are named, never referenced, so that no stack waits for another's output.

export const tableArn = (region: string, account: string, table: string) => `arn:aws:dynamodb:${region}:${account}:table/${table}`
export const roleArn = (account: string, role: string) => `arn:aws:iam::${account}:role/${role}`
export const bucketArn = (bucket: string) => `arn:aws:s3:::${bucket}`
export const logGroupArn = (region: string, account: string, logGroup: string) => `arn:aws:logs:${region}:${account}:log-group:${logGroup}`
export const repositoryArn = (region: string, account: string, repository: string) =>
  `arn:aws:ecr:${region}:${account}:repository/${repository}`
/** Every key of an account in a region: to be narrowed by a condition on the key's alias. */
export const keysArn = (region: string, account: string) => `arn:aws:kms:${region}:${account}:key/*`
