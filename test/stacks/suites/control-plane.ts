import { cellNames, sharedNames, stackNames } from '../../../config/names.ts'
import { regionsOf } from '../../../config/schema.ts'
import { type Synthesized, theResource } from '../synthesized.ts'

export function controlPlaneSuite({ deployment, templates }: Synthesized): void {
  const template = templates.get(stackNames(deployment).controlPlane)
  const names = sharedNames(deployment)

  it('holds the ES256 key that signs bundles, for the publisher alone', () => {
    expect(theResource(template, 'AWS::KMS::Alias').Properties.AliasName).toBe(names.bundleSigningKey)
    const { Properties } = theResource(template, 'AWS::KMS::Key')
    expect(Properties).toMatchObject({ KeySpec: 'ECC_NIST_P256', KeyUsage: 'SIGN_VERIFY', MultiRegion: false })
    expect(Properties.KeyPolicy.Statement[1]).toMatchObject({
      Action: 'kms:Sign',
      Condition: { ArnEquals: { 'aws:PrincipalArn': `arn:aws:iam::${deployment.accounts.control}:role/${names.publisherRole}` } },
    })
  })

  it('lets the publisher sign, ship to every region and move its pointer, and read the issuers’ public keys', () => {
    expect(theResource(template, 'AWS::IAM::Role').Properties.RoleName).toBe(names.publisherRole)
    const cells = regionsOf(deployment).map(({ region, zone }) => ({ region, ...cellNames(deployment, region, zone) }))
    const buckets = cells.map(({ bundleBucket }) => `arn:aws:s3:::${bundleBucket}`)
    const statements: { Sid: string; Action: unknown; Resource: unknown }[] = theResource(template, 'AWS::IAM::Policy').Properties
      .PolicyDocument.Statement
    expect(Object.fromEntries(statements.map(({ Sid, Action, Resource }) => [Sid, [Action, [Resource].flat().toSorted()]]))).toEqual({
      Sign: [['kms:GetPublicKey', 'kms:Sign'], [{ 'Fn::GetAtt': ['BundleSigningKey', 'Arn'] }]],
      KeepHistory: [
        ['s3:GetObject', 's3:PutObject'],
        ['ledger', 'modules', 'objects', 'revisions'].map((folder) => `arn:aws:s3:::${names.controlStore}/${folder}/*`),
      ],
      ReadHistory: ['s3:ListBucket', [`arn:aws:s3:::${names.controlStore}`]],
      Ship: [['s3:GetObject', 's3:PutObject'], buckets.flatMap((bucket) => [`${bucket}/bundles/*`, `${bucket}/directories/*`]).toSorted()],
      SeeWhatIsMissing: ['s3:ListBucket', buckets.toSorted()],
      MovePointers: [
        ['dynamodb:PutItem', 'dynamodb:Query'],
        cells.map(({ region, account }) => `arn:aws:dynamodb:${region}:${account}:table/${names.globalTable}`).toSorted(),
      ],
      ReadIssuerKeys: ['kms:GetPublicKey', cells.map(({ region, account }) => `arn:aws:kms:${region}:${account}:key/*`).toSorted()],
    })
  })

  it('keeps what was ever done in a versioned bucket that nobody deletes from and only the publisher reads and writes', () => {
    const bucket = theResource(template, 'AWS::S3::Bucket')
    expect(bucket).toMatchObject({
      DeletionPolicy: 'RetainExceptOnCreate',
      Properties: { BucketName: names.controlStore, VersioningConfiguration: { Status: 'Enabled' } },
    })
    const { Statement } = theResource(template, 'AWS::S3::BucketPolicy').Properties.PolicyDocument
    const publisher = `arn:aws:iam::${deployment.accounts.control}:role/${names.publisherRole}`
    expect(Statement).toEqual(
      expect.arrayContaining([
        expect.objectContaining({
          Sid: 'OnlyPublisherReadsAndWrites',
          Effect: 'Deny',
          Action: ['s3:GetObject', 's3:GetObjectVersion', 's3:PutObject'],
          Condition: { ArnNotEquals: { 'aws:PrincipalArn': [publisher] } },
        }),
        expect.objectContaining({ Sid: 'NobodyDeletesHistory', Effect: 'Deny', Action: ['s3:DeleteObject', 's3:DeleteObjectVersion'] }),
      ]),
    )
    expect(Statement.find(({ Sid }: { Sid: string }) => Sid === 'NobodyDeletesHistory')).not.toHaveProperty('Condition')
  })
}
