import { cellNames, sharedNames, stackNames } from '../../../config/names.ts'
import { regionsOf } from '../../../config/schema.ts'
import { type Synthesized, theResource } from '../synthesized.ts'

export function bundleStoreSuite({ deployment, templates }: Synthesized): void {
  const publisher = `arn:aws:iam::${deployment.accounts.control}:role/${sharedNames(deployment).publisherRole}`
  const cells = regionsOf(deployment).map(({ region, zone }) => {
    const names = cellNames(deployment, region, zone)
    return {
      names,
      gateway: `arn:aws:iam::${names.account}:role/${names.gatewayRole}`,
      template: templates.get(stackNames(deployment).bundleStore(region)),
    }
  })

  it('keeps every version in a private bucket with the name from config', () => {
    for (const { names, template } of cells) {
      expect(theResource(template, 'AWS::S3::Bucket').Properties).toMatchObject({
        BucketName: names.bundleBucket,
        VersioningConfiguration: { Status: 'Enabled' },
        OwnershipControls: { Rules: [{ ObjectOwnership: 'BucketOwnerEnforced' }] },
        PublicAccessBlockConfiguration: {
          BlockPublicAcls: true,
          BlockPublicPolicy: true,
          IgnorePublicAcls: true,
          RestrictPublicBuckets: true,
        },
      })
    }
  })

  it('refuses plain HTTP, readers other than its own gateways and the publisher, and writers other than the publisher', () => {
    for (const { gateway, template } of cells) {
      const { Statement } = theResource(template, 'AWS::S3::BucketPolicy').Properties.PolicyDocument
      const denied = Statement.filter(({ Effect }: { Effect: string }) => Effect === 'Deny')
      expect(denied).toMatchObject([
        { Action: 's3:*', Condition: { Bool: { 'aws:SecureTransport': 'false' } } },
        { Action: 's3:*', Condition: { NumericLessThan: { 's3:TlsVersion': 1.2 } } },
        { Action: ['s3:GetObject', 's3:GetObjectVersion'], Condition: { ArnNotEquals: { 'aws:PrincipalArn': [gateway, publisher] } } },
        {
          Action: ['s3:DeleteObject', 's3:DeleteObjectVersion', 's3:PutObject'],
          Condition: { ArnNotEquals: { 'aws:PrincipalArn': [publisher] } },
        },
      ])
    }
  })

  it('allows the publisher of the control account, and nobody else across accounts', () => {
    for (const { template } of cells) {
      const { Statement } = theResource(template, 'AWS::S3::BucketPolicy').Properties.PolicyDocument
      const allowed = Statement.filter(({ Effect }: { Effect: string }) => Effect === 'Allow')
      expect(allowed).toMatchObject([
        { Action: ['s3:GetObject', 's3:PutObject'], Condition: { ArnEquals: { 'aws:PrincipalArn': publisher } } },
        { Action: 's3:ListBucket', Condition: { ArnEquals: { 'aws:PrincipalArn': publisher } } },
      ])
    }
  })
}
