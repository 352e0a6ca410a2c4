import { spawn } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { availableParallelism, tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from '@jest/globals'
import type { Stack } from 'aws-cdk-lib/core'
import { deployment } from '../../config/deployment.ts'
import { EVERYTHING_ON } from '../stacks/everything-on.ts'
import { type Synthesized, synthesize, type Template } from '../stacks/synthesized.ts'
import { suiteNeeding } from './support/needs.ts'

// Every template of the default deployment, as AWS's own linter knows the types of each region. `npm run test:full` names the linter.
const linter = process.env.AEGIS_CFN_LINT
const suite = suiteNeeding('cfn-lint', linter)

/** W3005: a DependsOn that CloudFormation would infer by itself. The CDK writes those. */
const IGNORED = 'W3005'
const LINT_TIMEOUT_MS = 300_000

suite('cfn-lint', () => {
  let out: string
  let whole: Synthesized

  beforeAll(() => {
    out = mkdtempSync(join(tmpdir(), 'aegis-cfn-lint-'))
    whole = synthesize()
  }, LINT_TIMEOUT_MS)

  afterAll(() => rmSync(out, { recursive: true, force: true }))

  test(
    'finds nothing in any template',
    async () => {
      expect(whole.templates.size).toBeGreaterThan(30)
      expect(await lintAll(out, whole)).toEqual([])
    },
    LINT_TIMEOUT_MS,
  )

  test(
    'finds nothing with everything on that config can switch on',
    async () => {
      const on = synthesize(EVERYTHING_ON)
      // What is the same to the letter has been looked at.
      const others = new Map([...on.templates].filter(([name, template]) => !isSame(template, whole.templates.get(name))))
      expect(others.size).toBeGreaterThan(10)
      expect(await lintAll(out, { app: on.app, templates: others })).toEqual([])
    },
    LINT_TIMEOUT_MS,
  )

  test(
    'finds nothing in the standby of the control plane after a move',
    async () => {
      const { accounts } = deployment.environments.prod ?? {}
      const controlZone = { hostedZoneId: 'Z0123456789ABC', nameServers: ['ns-1.awsdns-01.org', 'ns-2.awsdns-02.com'] }
      const moved = synthesize({
        controlPlane: { standbyRegion: 'eu-central-1', runsIn: 'standby', term: 2 },
        environments: { prod: { accounts: accounts as { control: string; workload: string }, controlZone } },
      })
      const names = ['aegis-prod-control-plane-standby', 'aegis-prod-control-plane', 'aegis-prod-routing']
      const templates = new Map(names.map((name) => [name, moved.templates.get(name) as Template]))
      expect(await lintAll(out, { app: moved.app, templates })).toEqual([])
    },
    LINT_TIMEOUT_MS,
  )

  test(
    'refuses a template with a property that its type does not have',
    async () => {
      const Resources = { Table: { Type: 'AWS::DynamoDB::Table', Properties: { KeySchema: [], Planted: true } } }
      const [name] = whole.templates.keys()
      const findings = await lintAll(out, { app: whole.app, templates: new Map([[name as string, { Resources }]]) })
      expect(findings).toEqual([[expect.any(String), expect.stringContaining('Planted')]])
    },
    LINT_TIMEOUT_MS,
  )
})

const isSame = (one: Template, other: Template | undefined) => JSON.stringify(one) === JSON.stringify(other)

/** What the linter says about templates, by the region in which each is deployed. As many regions at once as there are processors. */
async function lintAll(
  folder: string,
  { app, templates }: Pick<Synthesized, 'app' | 'templates'>,
): Promise<[region: string, text: string][]> {
  const byRegion = new Map<string, string[]>()
  for (const [name, template] of templates) {
    const { region } = app.node.findChild(name) as Stack
    const file = join(folder, `${name}.json`)
    writeFileSync(file, JSON.stringify(template))
    byRegion.set(region, [...(byRegion.get(region) ?? []), file])
  }
  const waiting = [...byRegion]
  const said: [string, string][] = []
  const lintNext = async (): Promise<void> => {
    for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) {
      const [region, files] = next
      said.push([region, await lint(region, files)])
    }
  }
  await Promise.all(Array.from({ length: availableParallelism() }, lintNext))
  return said.filter(([, text]) => text !== '').toSorted()
}

/** What the linter says about templates that are deployed in one region; empty when it has nothing to say. */
function lint(region: string, templates: readonly string[]): Promise<string> {
  const args = ['--regions', region, '--ignore-checks', IGNORED, '--format', 'parseable', '--template', ...templates]
  const child = spawn(linter ?? '', args, { stdio: ['ignore', 'pipe', 'pipe'], timeout: LINT_TIMEOUT_MS })
  const said: Buffer[] = []
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk: Buffer) => said.push(chunk))
  return new Promise((resolve, reject) => {
    child.once('error', reject)
    child.once('close', (code, signal) => {
      const text = Buffer.concat(said).toString().trim()
      resolve(signal !== null || (code !== 0 && text === '') ? `the linter ended by ${signal ?? code}\n${text}` : text)
    })
  })
}
