import { Stack } from 'aws-cdk-lib/core'
import { deployOrder, STACK_KINDS } from '../../../config/deploy-order.ts'
import { regionsOf } from '../../../config/schema.ts'
import type { Synthesized, Template } from '../synthesized.ts'

const CONFIG = [
  'environments.prod.accounts.control: 111111111111 is a placeholder; put your own account there',
  'environments.prod.accounts.workload: 222222222222 is a placeholder; put your own account there',
  'domain: aegis.example is reserved for examples; put a domain of your own there',
  'documentsDir: demo is the demo, whose secrets everybody knows; put your own documents there',
]
const ZONE = 'the id of the hosted zone is not pinned: npm run -s aegis -- pin'
const TRUST = 'no key is pinned that gateways may believe: npm run -s aegis -- pin'

/** What CloudFormation refuses a stack for, by a rule that no parameter can satisfy. */
export function refusalsOf({ Rules, Parameters }: Template): string[] {
  const { ReadyToDeploy } = Rules ?? {}
  if (ReadyToDeploy === undefined) return []
  const [only, ...more] = Parameters?.Deploy?.AllowedValues ?? []
  return ReadyToDeploy.Assertions.map(({ Assert, AssertDescription }) => {
    const [left, right] = Assert['Fn::Equals']
    expect([left, more, only === right]).toEqual([{ Ref: 'Deploy' }, [], false])
    return AssertDescription
  })
}

/** The default deployment, and one with values of its own. */
export function deployRulesSuite({ app, deployment, templates }: Synthesized, own: Synthesized, demo: Synthesized): void {
  it('refuses every stack of the default deployment, a line for each reason', () => {
    for (const [name, template] of templates) expect([name, refusalsOf(template).slice(0, CONFIG.length)]).toEqual([name, CONFIG])
  })

  it('refuses what needs a pinned value until it is pinned', () => {
    const refused = (name: string) => refusalsOf(templates.get(name) as Template).slice(CONFIG.length)
    expect(refused('aegis-prod-routing')).toEqual([ZONE])
    for (const { region } of regionsOf(deployment))
      expect(refused(`aegis-prod-gateway-${region}`)).toEqual(expect.arrayContaining([ZONE, TRUST]))
    expect(refused('aegis-prod-control-plane')).toContain('the zone of the control plane is not pinned: npm run -s aegis -- pin')
    expect(refused('aegis-prod-keys-eu-west-1')).toEqual([])
  })

  it('refuses nothing where every value is somebody’s own', () => {
    const refused = [...own.templates].filter(([, template]) => refusalsOf(template).length > 0)
    expect(refused.map(([name]) => name)).toEqual([])
    expect([...own.templates.values()].filter(({ Outputs }) => Outputs?.Demo !== undefined)).toEqual([])
  })

  it('lets the demo pass where the environment says so, and says it in every stack’s outputs', () => {
    for (const [name, template] of demo.templates) {
      expect([name, refusalsOf(template)]).toEqual([name, []])
      expect(template.Outputs?.Demo?.Value).toMatch(/public documents and secrets of the demo/)
    }
  })

  it('has every stack in the order of a deploy, with its account, its region and what it depends on', () => {
    const stacks = app.node.children.filter((child) => Stack.isStack(child))
    const plan = deployOrder(deployment)
    const places = (all: readonly { name: string; account: string; region: string }[]) =>
      all.map(({ name, account, region }) => `${name} ${account} ${region}`).toSorted()
    expect(places(plan)).toEqual(places(stacks.map(({ stackName: name, account, region }) => ({ name, account, region }))))
    const kinds = plan.map(({ kind }) => STACK_KINDS.indexOf(kind))
    expect(kinds).toEqual(kinds.toSorted((a, b) => a - b))
    for (const stack of stacks) {
      const needs = plan.find(({ name }) => name === stack.stackName)?.needs ?? []
      const joins = plan.find(({ name }) => name === stack.stackName)?.joins ?? []
      for (const { stackName } of stack.dependencies)
        expect([stack.stackName, [...needs, ...joins]]).toEqual([stack.stackName, expect.arrayContaining([stackName])])
    }
  })
}
