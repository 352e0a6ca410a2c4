import { cellNames, SIGNING_KEYS, sharedNames, stackNames } from '../../../config/names.ts'
import { regionsOf } from '../../../config/schema.ts'
import { type Resource, resourcesOf, type Synthesized, type Template, theResource } from '../synthesized.ts'

export function keysSuite({ deployment, templates }: Synthesized): void {
  const cells = regionsOf(deployment).map(({ region, zone }) => ({
    names: cellNames(deployment, region, zone),
    template: templates.get(stackNames(deployment).keys(region)),
  }))

  it('gives each region an ES256 key of its own for every purpose', () => {
    for (const { names, template } of cells) {
      for (const purpose of SIGNING_KEYS) {
        expect(keyOf(template, names.signingKey(purpose)).Properties).toMatchObject({
          KeySpec: 'ECC_NIST_P256',
          KeyUsage: 'SIGN_VERIFY',
          MultiRegion: false,
        })
      }
    }
  })

  it('lets one named role sign with each key, and no administrator', () => {
    for (const { names, template } of cells) {
      for (const purpose of SIGNING_KEYS) {
        const role = purpose === 'data-protection' ? names.dataProtectionRole : names.gatewayRole
        expect(signers(keyOf(template, names.signingKey(purpose)))).toEqual([`arn:aws:iam::${names.account}:role/${role}`])
      }
    }
  })

  it('shows the publisher the public halves that the directory lists: of all keys but that of the audit log', () => {
    const publisher = `arn:aws:iam::${deployment.accounts.control}:role/${sharedNames(deployment).publisherRole}`
    for (const { names, template } of cells) {
      for (const purpose of SIGNING_KEYS) {
        const { Statement } = keyOf(template, names.signingKey(purpose)).Properties.KeyPolicy
        const abroad = Statement.filter(({ Principal }: { Principal: { AWS: string } }) =>
          Principal.AWS.includes(deployment.accounts.control),
        )
        expect(abroad).toMatchObject(
          purpose === 'audit' ? [] : [{ Action: 'kms:GetPublicKey', Condition: { ArnEquals: { 'aws:PrincipalArn': publisher } } }],
        )
      }
    }
  })

  it('would see a policy that lets everybody sign', () => {
    const open = { Type: 'AWS::KMS::Key', Properties: { KeyPolicy: { Statement: [{ Effect: 'Allow', Action: 'kms:*' }] } } }
    expect(signers(open)).toEqual(['anybody'])
  })

  it('lets no key policy hand out grants beyond the stores', () => {
    for (const { template } of cells) {
      for (const [id, { Properties }] of resourcesOf(template, 'AWS::KMS::Key')) {
        const granting = Properties.KeyPolicy.Statement.filter(({ Action }: { Action: string | string[] }) =>
          [Action].flat().includes('kms:CreateGrant'),
        )
        expect([id, granting.map(({ Sid }: { Sid: string }) => Sid)]).toEqual([id, id === 'DataKey' ? ['UseThroughThisRegionsStores'] : []])
      }
    }
  })

  it('encrypts only through the stores of the region, with a key that rotates', () => {
    for (const { region, zone } of regionsOf(deployment)) {
      const template = templates.get(stackNames(deployment).keys(region))
      const { Properties } = keyOf(template, cellNames(deployment, region, zone).dataKey)
      expect(Properties).toMatchObject({ EnableKeyRotation: true, MultiRegion: false })
      expect(Properties.KeyPolicy.Statement[1].Condition).toEqual({
        StringEquals: { 'kms:ViaService': ['dynamodb', 's3', 'secretsmanager'].map((service) => `${service}.${region}.amazonaws.com`) },
      })
    }
  })

  it('would see a role that can be taken for nobody', () => {
    const open = { Action: 'sts:AssumeRole', Condition: { StringLike: { 'sts:SourceIdentity': '*' } } }
    expect(takenByNobody([open, { Action: 'sts:AssumeRole' }])).toHaveLength(2)
  })

  it('gives the data-protection role its key and nothing else', () => {
    for (const { names, template } of cells) {
      const role = theResource(template, 'AWS::IAM::Role')
      expect(role.Properties.RoleName).toBe(names.dataProtectionRole)
      const { Statement } = role.Properties.AssumeRolePolicyDocument
      expect(Statement.map(({ Action }: { Action: string }) => Action)).toEqual(['sts:AssumeRole', 'sts:SetSourceIdentity'])
      for (const { Condition } of Statement) {
        expect(Condition.ArnEquals).toEqual({ 'aws:PrincipalArn': `arn:aws:iam::${names.account}:role/${names.gatewayRole}` })
      }
      expect(takenByNobody(Statement)).toEqual([])
      expect(theResource(template, 'AWS::IAM::Policy').Properties.PolicyDocument.Statement).toEqual([
        { Action: ['kms:GetPublicKey', 'kms:Sign'], Effect: 'Allow', Resource: { 'Fn::GetAtt': ['DataProtectionKey', 'Arn'] } },
      ])
    }
  })
}

/** Statements by which a role can be taken without saying for whom. */
function takenByNobody(statements: readonly { Action: string | string[]; Condition?: { StringLike?: Record<string, string> } }[]) {
  return statements.filter(({ Condition }) => Condition?.StringLike?.['sts:SourceIdentity'] !== '?*')
}

function keyOf(template: Template | undefined, aliasName: string): Resource {
  const alias = resourcesOf(template, 'AWS::KMS::Alias').find(([, { Properties }]) => Properties.AliasName === aliasName)
  const [keyId] = alias?.[1].Properties.TargetKeyId['Fn::GetAtt'] ?? []
  const key = template?.Resources[keyId]
  if (key === undefined) throw new Error(`no key ${aliasName}`)
  return key
}

/** Who may sign by a key policy: the roles that its conditions name, or `anybody`. */
function signers({ Properties }: Resource): string[] {
  const statements: { Action: string | string[]; Condition?: { ArnEquals?: Record<string, string> } }[] = Properties.KeyPolicy.Statement
  return statements
    .filter(({ Action }) => [Action].flat().some((action) => ['*', 'kms:*', 'kms:Sign', 'kms:S*'].includes(action)))
    .map(({ Condition }) => Condition?.ArnEquals?.['aws:PrincipalArn'] ?? 'anybody')
}
