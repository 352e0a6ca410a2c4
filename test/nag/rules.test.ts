import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { CfnResource, Stack } from 'aws-cdk-lib/core'
import { acknowledge } from '../../lib/nag/acknowledge.ts'
import { AegisPack, RULES } from '../../lib/nag/aegis-pack.ts'
import { smallApp } from '../support/small-app.ts'
import { deployment, findingsOf, type RuleSuite, raw } from './planted.ts'
import { dataSuites } from './suites/data.ts'
import { dnsSuites } from './suites/dns.ts'
import { rightsSuites } from './suites/rights.ts'
import { serviceSuites } from './suites/services.ts'
import { tableSuites } from './suites/tables.ts'

const SUITES: readonly RuleSuite[] = [...tableSuites, ...dataSuites, ...dnsSuites, ...rightsSuites, ...serviceSuites]

describe.each(SUITES.map((suite) => [suite.rule.id, suite] as const))('%s', (_id, { rule, refuses, accepts }) => {
  it.each(refuses.map((planted) => [planted.name, planted] as const))('refuses %s', (_name, planted) => {
    expect(findingsOf(rule, planted)).toEqual(planted.finds)
  })

  it.each(accepts.map((planted) => [planted.name, planted] as const))('accepts %s', (_name, planted) => {
    expect(findingsOf(rule, planted)).toEqual([])
  })
})

describe('the rules', () => {
  it('are all of the folder, each with a name of its own', () => {
    const files = readdirSync(join(import.meta.dirname, '../../lib/nag/rules')).map((file) => file.replace(/\.ts$/, ''))
    const kebab = (id: string) => id.replace(/(?!^)[A-Z]/g, '-$&').toLowerCase()
    expect(RULES.map(({ id }) => kebab(id)).toSorted()).toEqual(files.toSorted())
  })

  it('each refuse something and accept something', () => {
    const proved = SUITES.filter(({ refuses, accepts }) => refuses.length > 0 && accepts.length > 0).map(({ rule }) => rule.id)
    expect(proved.toSorted()).toEqual(RULES.map(({ id }) => id).toSorted())
  })

  it('each say what was found, why it matters and what to do, in sentences', () => {
    for (const { info, explanation } of RULES) for (const text of [info, explanation]) expect(text).toMatch(/^[A-Z].*\.$/)
  })

  it('say nothing of a type that nobody knows', () => {
    const unknown = raw('Acme::Widget::Thing', { Name: 'x', Nested: [{ Deep: { Size: 3, On: true, Nothing: null } }], Words: ['a', 'b'] })
    for (const rule of RULES) expect([rule.id, findingsOf(rule, { name: '', plant: unknown })]).toEqual([rule.id, []])
  })

  it('find the same in an acknowledgement as in a report, whatever AWS allows in a name', () => {
    const app = smallApp()
    const stack = new Stack(app, 'planted', { env: { account: deployment.accounts.workload, region: 'eu-west-1' } })
    const policy = new CfnResource(stack, 'Topic', {
      type: 'AWS::SNS::TopicPolicy',
      properties: { PolicyDocument: { Statement: [{ Effect: 'Allow', Principal: '*', Action: 'sns:Publish', Resource: 'a b[c' }] } },
    })
    const ids = () => new AegisPack(deployment).validateScope(app).violations.map(({ ruleName }) => ruleName)
    expect(ids()).toEqual(['Aegis-NoWildcard[Everybody::a-bc]'])
    acknowledge(policy, { 'Aegis-NoWildcard[Everybody::a-bc]': 'the one thing that is planted here' })
    expect(ids()).toEqual([])
  })
})
