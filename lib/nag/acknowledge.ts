import { Validations } from 'aws-cdk-lib/core'
import type { IConstruct } from 'constructs'

/**
 * Accepts findings of cdk-nag on a construct and everything under it, each with the reason why it is right here.
 * IAM findings need their granular id (`AwsSolutions-IAM5[Resource::*]`): a bare id looks recorded and hides nothing.
 * A test removes every acknowledgement and fails for one that hides no finding.
 */
export function acknowledge(construct: IConstruct, findings: Readonly<Record<string, string>>): void {
  for (const [id, reason] of Object.entries(findings)) Validations.of(construct).acknowledge({ id, reason })
}
