import { StringParameter } from 'aws-cdk-lib/aws-ssm'
import { CfnDynamicReference, CfnDynamicReferenceService } from 'aws-cdk-lib/core'
import type { Construct } from 'constructs'

/** Writes an id that AWS made up into a parameter with a name from config, for later stacks of the same region. */
export function writeParameter(scope: Construct, parameterName: string, stringValue: string): void {
  const id = parameterName.slice(parameterName.lastIndexOf('/') + 1)
  new StringParameter(scope, `Parameter-${id}`, { parameterName, stringValue })
}

/**
 * The id that `writeParameter` wrote, as CloudFormation resolves it when it creates or updates the resource. A literal in the template,
 * unlike an import: the stack that wrote it can still be changed, and nothing has to be deployed to synthesize this one.
 */
export function readParameter(parameterName: string): string {
  return new CfnDynamicReference(CfnDynamicReferenceService.SSM, parameterName).toString()
}
