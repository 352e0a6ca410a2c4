import { PolicyDocument, PolicyStatement } from 'aws-cdk-lib/aws-iam'
import { Alias, Key, KeySpec, KeyUsage } from 'aws-cdk-lib/aws-kms'
import { RemovalPolicy } from 'aws-cdk-lib/core'
import { Construct } from 'constructs'
import { keyAdministration } from './key-administration.ts'
import { pinLogicalId } from './logical-id.ts'
import { namedRole } from './named-principal.ts'

export interface SigningKeyProps {
  /** `alias/...`: how everybody names the key. */
  readonly aliasName: string
  readonly description: string
  /** Account of the key and of its signer. */
  readonly account: string
  /** ARN of the one role that may sign. It need not exist yet. */
  readonly signerRoleArn: string
  /**
   * Another account's role that may read the public key.
   * @default nobody outside the account
   */
  readonly publicKeyReader?: { readonly account: string; readonly roleArn: string }
  /** Logical id of the key; the alias gets the same with `Alias` after it. */
  readonly logicalId: string
}

/**
 * An ES256 key (RFC 7518, section 3.4) of one region. It is never multi-region: a copy elsewhere could sign in this region's name.
 * Administrators may look after it but not use it; the key policy alone decides who signs, whatever an IAM policy allows.
 */
export class SigningKey extends Construct {
  readonly key: Key

  constructor(scope: Construct, id: string, props: SigningKeyProps) {
    super(scope, id)
    this.key = new Key(this, 'Key', {
      description: props.description,
      keySpec: KeySpec.ECC_NIST_P256,
      keyUsage: KeyUsage.SIGN_VERIFY,
      multiRegion: false,
      removalPolicy: RemovalPolicy.RETAIN_ON_UPDATE_OR_DELETE,
      policy: new PolicyDocument({ statements: [keyAdministration(), signing(props), ...readingPublicKey(props)] }),
    })
    const alias = new Alias(this, 'Alias', {
      aliasName: props.aliasName,
      targetKey: this.key,
      removalPolicy: RemovalPolicy.RETAIN_ON_UPDATE_OR_DELETE,
    })
    pinLogicalId(this.key, props.logicalId)
    pinLogicalId(alias, `${props.logicalId}Alias`)
  }
}

function signing({ account, signerRoleArn }: SigningKeyProps): PolicyStatement {
  return new PolicyStatement({
    sid: 'SignAsNamedRole',
    principals: [namedRole(account, signerRoleArn)],
    actions: ['kms:Sign'],
    resources: ['*'],
  })
}

function readingPublicKey({ publicKeyReader }: SigningKeyProps): PolicyStatement[] {
  if (publicKeyReader === undefined) return []
  return [
    new PolicyStatement({
      sid: 'ReadPublicKeyAsNamedRole',
      principals: [namedRole(publicKeyReader.account, publicKeyReader.roleArn)],
      actions: ['kms:GetPublicKey'],
      resources: ['*'],
    }),
  ]
}
