import { CfnResource, Stack } from 'aws-cdk-lib/core'
import { deployment as input } from '../../config/deployment.ts'
import { resolveDeployment } from '../../config/resolve.ts'
import { AegisPack } from '../../lib/nag/aegis-pack.ts'
import type { Rule } from '../../lib/nag/rule.ts'
import { cdkContext } from '../support/cdk-context.ts'
import { smallApp } from '../support/small-app.ts'

export const deployment = resolveDeployment(input)
export const { control: CONTROL, workload: WORKLOAD } = deployment.accounts

/** Where a fault is planted: a stack of the workload account in eu-west-1, unless it says otherwise. */
export interface Planted {
  readonly name: string
  readonly plant: (stack: Stack) => void
  readonly stackName?: string
  readonly account?: string
  readonly region?: string
}

/** What a rule must say of small stacks: each finding that it must have, and what it must let pass. */
export interface RuleSuite {
  readonly rule: Rule
  /** `finds`: the granular parts of the ids, in the order in which they are found. */
  readonly refuses: readonly (Planted & { readonly finds: readonly string[] })[]
  readonly accepts: readonly Planted[]
}

/** What the pack has to say of one planted stack by one rule: the granular part of each id, or the whole id of a rule that threw. */
export function findingsOf(rule: Rule, { plant, stackName = 'planted', account = WORKLOAD, region = 'eu-west-1' }: Planted): string[] {
  const app = smallApp({ context: cdkContext() })
  plant(new Stack(app, stackName, { env: { account, region } }))
  return new AegisPack(deployment)
    .validateScope(app)
    .violations.map(({ ruleName }) => ruleName)
    .filter((id) => id === `Aegis-${rule.id}` || id.startsWith(`Aegis-${rule.id}[`))
    .map((id) => /\[(.*)\]$/.exec(id)?.[1] ?? id)
}

/** A resource as a template has it: rules may not depend on the construct that made it. */
export function raw(type: string, properties: Record<string, unknown>, id = 'Planted'): (stack: Stack) => void {
  return (stack) => {
    new CfnResource(stack, id, { type, properties })
  }
}
