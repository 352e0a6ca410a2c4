import { App, type AppProps } from 'aws-cdk-lib/core'

/**
 * An app for a few constructs. It is not judged by CDK's own rules of CloudFormation, which take longer than all else about it; what is deployed is
 * (test/stacks).
 */
export function smallApp(props: AppProps = {}): App {
  return new App({ analyticsReporting: false, treeMetadata: false, builtinCloudFormationValidation: false, ...props })
}
