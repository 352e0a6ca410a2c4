import { type App, CfnOutput, CfnParameter, CfnRule, Fn, Stack } from 'aws-cdk-lib/core'
import type { Deployment } from '../config/schema.ts'
import { DEMO_WARNING, runsDemo, unreadyConfig } from '../config/unready.ts'
import { PLACEHOLDER_REASONS, placeholdersOf } from './placeholders.ts'

/**
 * Gives every stack that must not be deployed as it is a rule that CloudFormation refuses it by, before any resource is made and whoever sends it. Synth cannot
 * refuse: it does not know what its templates are for, and the fabric runs these very templates. docs/adr/0027.
 */
export function addDeployRules(app: App, deployment: Deployment): void {
  const unready = unreadyConfig(deployment)
  for (const stack of app.node.children.filter((child) => Stack.isStack(child))) {
    refuse(stack, [...unready, ...placeholdersOf(stack).map((placeholder) => PLACEHOLDER_REASONS[placeholder])])
    if (runsDemo(deployment)) new CfnOutput(stack, 'Demo', { value: DEMO_WARNING })
  }
}

/**
 * Rules judge parameters ("Rules section", CloudFormation user guide), so there is one, which can have no other value than the one that is refused.
 * Each reason is an assertion of its own, whose text CloudFormation gives.
 */
function refuse(stack: Stack, reasons: readonly string[]): void {
  if (reasons.length === 0) return
  const parameter = new CfnParameter(stack, 'Deploy', {
    description: 'Says no while this template has placeholders',
    type: 'String',
    default: 'no',
    allowedValues: ['no'],
  })
  new CfnRule(stack, 'ReadyToDeploy', {
    assertions: reasons.map((assertDescription) => ({
      assert: Fn.conditionEquals(parameter.valueAsString, 'yes'),
      assertDescription,
    })),
  })
}
