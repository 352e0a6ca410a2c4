import { AccountRootPrincipal, PolicyDocument, PolicyStatement } from 'aws-cdk-lib/aws-iam'
import { Alias, Key } from 'aws-cdk-lib/aws-kms'
import { RemovalPolicy } from 'aws-cdk-lib/core'
import { Construct } from 'constructs'
import { keyAdministration } from './key-administration.ts'
import { pinLogicalId } from './logical-id.ts'

export interface DataKeyProps {
  /** `alias/...`: how everybody names the key. */
  readonly aliasName: string
  readonly description: string
  readonly region: string
  /**
   * Whether AWS Backup may use the key too, for its vault of this region.
   * @default false
   */
  readonly backups?: boolean
}

/** What a principal needs of the data key to read and write an encrypted table or bucket. The service calls on its behalf. */
export const DATA_KEY_ACTIONS = [
  'kms:DescribeKey',
  'kms:Encrypt',
  'kms:Decrypt',
  'kms:ReEncryptFrom',
  'kms:ReEncryptTo',
  'kms:GenerateDataKey',
  'kms:GenerateDataKeyWithoutPlaintext',
]

/** The services that hold a region's data. */
const STORES = ['dynamodb', 's3', 'secretsmanager']

/**
 * Encrypts one region's tables, audit bucket and secrets. Single-region, so that its ciphertext can be read nowhere else, and usable only
 * through this region's stores of data: nobody, administrators included, can decrypt a copied ciphertext by hand.
 */
export class DataKey extends Construct {
  readonly key: Key

  constructor(scope: Construct, id: string, { aliasName, description, region, backups = false }: DataKeyProps) {
    super(scope, id)
    const throughServices = new PolicyStatement({
      sid: 'UseThroughThisRegionsStores',
      principals: [new AccountRootPrincipal()],
      actions: [...DATA_KEY_ACTIONS, 'kms:CreateGrant'],
      resources: ['*'],
      conditions: {
        StringEquals: {
          'kms:ViaService': [...STORES, ...(backups ? ['backup'] : [])].map((service) => `${service}.${region}.amazonaws.com`),
        },
      },
    })
    this.key = new Key(this, 'Key', {
      description,
      enableKeyRotation: true,
      multiRegion: false,
      removalPolicy: RemovalPolicy.RETAIN_ON_UPDATE_OR_DELETE,
      policy: new PolicyDocument({ statements: [keyAdministration(), throughServices] }),
    })
    const alias = new Alias(this, 'Alias', { aliasName, targetKey: this.key, removalPolicy: RemovalPolicy.RETAIN_ON_UPDATE_OR_DELETE })
    pinLogicalId(this.key, 'DataKey')
    pinLogicalId(alias, 'DataKeyAlias')
  }
}
