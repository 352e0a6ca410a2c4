import { Validations } from 'aws-cdk-lib/core'
import type { IConstruct } from 'constructs'

/**
 * Accepts findings of the nag packs on a construct and everything under it, each with the reason why it is right here.
 * IAM findings and Aegis's own need their granular id (`AwsSolutions-IAM5[Resource::*]`): a bare id looks recorded and hides nothing.
 * A test removes every acknowledgement and fails for one that hides no finding.
 */
export function acknowledge(construct: IConstruct, findings: Readonly<Record<string, string>>): void {
  for (const [id, reason] of Object.entries(findings)) Validations.of(construct).acknowledge({ id, reason })
}

/** The one policy of a role that CDK writes into the role: three standards prefer a managed one. Only where the policy is for this role alone. */
export function acknowledgeOwnPolicy(role: IConstruct): void {
  acknowledge(
    role,
    inStandards({ IAMNoInlinePolicy: 'the policy is for this one role and goes with it; a managed policy could be attached to others' }),
  )
}

const NIST = 'NIST.800.53.R5'
const HIPAA = 'HIPAA.Security'
const PCI = 'PCI.DSS.321'

/** Rules that the three standards share, by the packs that have them. */
const STANDARDS = {
  ALBWAFEnabled: [NIST, PCI],
  CloudWatchLogGroupEncrypted: [NIST, HIPAA, PCI],
  ELBDeletionProtectionEnabled: [NIST, HIPAA],
  IAMNoInlinePolicy: [NIST, HIPAA, PCI],
  S3BucketLoggingEnabled: [NIST, HIPAA, PCI],
  S3BucketReplicationEnabled: [NIST, HIPAA, PCI],
  S3BucketVersioningEnabled: [NIST, HIPAA, PCI],
  S3DefaultEncryptionKMS: [NIST, HIPAA, PCI],
  SNSEncryptedKMS: [NIST, HIPAA, PCI],
  SecretsManagerRotationEnabled: [NIST, HIPAA],
  VPCDefaultSecurityGroupClosed: [NIST, HIPAA, PCI],
  VPCNoUnrestrictedRouteToIGW: [NIST, HIPAA, PCI],
  WAFv2LoggingEnabled: [NIST, HIPAA, PCI],
} as const

/** The findings of NIST 800-53, HIPAA and PCI DSS for rules that they share: one reason answers them all. For `acknowledge`. */
export function inStandards(reasons: Partial<Record<keyof typeof STANDARDS, string>>): Record<string, string> {
  return Object.fromEntries(
    Object.entries(reasons).flatMap(([rule, reason]) =>
      STANDARDS[rule as keyof typeof STANDARDS].map((pack): [string, string] => [`${pack}-${rule}`, reason]),
    ),
  )
}
