import { PolicyStatement } from 'aws-cdk-lib/aws-iam'
import { cellNames, sharedNames } from '../../config/names.ts'
import { type Deployment, regionsOf } from '../../config/schema.ts'
import { bucketArn, keysArn, tableArn } from './arns.ts'
import { bundleObjectArns } from './bundle-objects.ts'
import { storeObjectArns } from './control-store.ts'

/** What the publisher does in every region's replica: a region that is away must not keep the others from moving. */
export const PUBLISHER_ACTIONS = ['dynamodb:PutItem', 'dynamodb:Query'] as const

/** A right with the findings that come with it, and why they are right. */
export interface Right {
  readonly statement: PolicyStatement
  readonly findings: Readonly<Record<string, string>>
}

/** What publishing takes, here and in the workload account, beside signing by the key of the home region. */
export function publisherRights(deployment: Deployment): Right[] {
  const { globalTable, controlStore } = sharedNames(deployment)
  const cells = regionsOf(deployment).map(({ region, zone }) => ({ region, ...cellNames(deployment, region, zone) }))
  const objects = cells.flatMap(({ bundleBucket }) => bundleObjectArns(bundleBucket))
  const keys = cells.map(({ region, account }) => keysArn(region, account))
  const tables = cells.map(({ region, account }) => tableArn(region, account, globalTable))
  return [
    ...history(controlStore, ''),
    {
      statement: new PolicyStatement({ sid: 'Ship', actions: ['s3:PutObject', 's3:GetObject'], resources: objects }),
      findings: wildcards(objects, 'objects are named by their digest, so only the folder can be named here'),
    },
    {
      // Without it S3 answers 403 for an object that is not there yet, which looks like a lost right.
      statement: new PolicyStatement({
        sid: 'SeeWhatIsMissing',
        actions: ['s3:ListBucket'],
        resources: cells.map(({ bundleBucket }) => bucketArn(bundleBucket)),
      }),
      findings: {},
    },
    {
      statement: new PolicyStatement({ sid: 'MovePointers', actions: [...PUBLISHER_ACTIONS], resources: tables }),
      findings: {},
    },
    {
      // The directory lists the public keys of every region's token issuer and attester.
      statement: new PolicyStatement({ sid: 'ReadIssuerKeys', actions: ['kms:GetPublicKey'], resources: keys }),
      findings: wildcards(
        keys,
        'AWS makes up key ids; of the keys in the other account, the policies of those keys alone let this role in',
      ),
    },
    ...standbyRights(deployment),
  ]
}

/** The same for a control plane that was rebuilt: given beforehand, as IAM may not be changeable when it is needed. */
function standbyRights(deployment: Deployment): Right[] {
  const { standbyRegion } = deployment.controlPlane
  if (standbyRegion === undefined) return []
  const { bundleSigningKey, standbyControlStore, controlStoreCopy } = sharedNames(deployment)
  const key = keysArn(standbyRegion, deployment.accounts.control)
  const copied = storeObjectArns(controlStoreCopy)
  return [
    ...history(standbyControlStore, 'InStandby'),
    {
      statement: new PolicyStatement({ sid: 'ReadCopy', actions: ['s3:GetObject'], resources: copied }),
      findings: wildcards(copied, 'entries are numbered and objects named by their digest, so only the folders can be named here'),
    },
    {
      statement: new PolicyStatement({ sid: 'ListCopy', actions: ['s3:ListBucket'], resources: [bucketArn(controlStoreCopy)] }),
      findings: {},
    },
    {
      statement: new PolicyStatement({
        sid: 'SignInStandby',
        actions: ['kms:Sign', 'kms:GetPublicKey'],
        resources: [key],
        conditions: { 'ForAnyValue:StringEquals': { 'kms:ResourceAliases': bundleSigningKey } },
      }),
      findings: wildcards([key], 'AWS makes up key ids; the condition on the alias leaves the one signing key of that region'),
    },
  ]
}

function history(store: string, suffix: string): Right[] {
  const kept = storeObjectArns(store)
  return [
    {
      statement: new PolicyStatement({ sid: `KeepHistory${suffix}`, actions: ['s3:PutObject', 's3:GetObject'], resources: kept }),
      findings: wildcards(kept, 'entries are numbered and objects named by their digest, so only the folders can be named here'),
    },
    {
      statement: new PolicyStatement({ sid: `ReadHistory${suffix}`, actions: ['s3:ListBucket'], resources: [bucketArn(store)] }),
      findings: {},
    },
  ]
}

function wildcards(resources: readonly string[], reason: string): Record<string, string> {
  return Object.fromEntries(resources.map((resource) => [`AwsSolutions-IAM5[Resource::${resource}]`, reason]))
}
