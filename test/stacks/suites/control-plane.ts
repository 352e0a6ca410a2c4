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
      Ship: [['s3:GetObject', 's3:PutObject'], buckets.flatMap((bucket) => [`${bucket}/bundles/*`, `${bucket}/directories/*`]).toSorted()],
      SeeWhatIsMissing: ['s3:ListBucket', buckets.toSorted()],
      MovePointers: [
        ['dynamodb:PutItem', 'dynamodb:Query'],
        cells.map(({ region, account }) => `arn:aws:dynamodb:${region}:${account}:table/${names.globalTable}`).toSorted(),
      ],
      ReadIssuerKeys: ['kms:GetPublicKey', cells.map(({ region, account }) => `arn:aws:kms:${region}:${account}:key/*`).toSorted()],
    })
  })
}
