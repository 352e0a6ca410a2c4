import { execFileSync, spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { deployment } from '../../config/deployment.ts'
import { EVERYTHING_ON } from '../stacks/everything-on.ts'
import { buildApp, synthesize } from '../stacks/synthesized.ts'
import { suiteNeeding } from './support/needs.ts'

// Every template of the default deployment, as AWS's own linter knows the types of each region. `npm run test:full` names the linter.
const linter = process.env.AEGIS_CFN_LINT
const suite = suiteNeeding('cfn-lint', linter)

/** W3005: a DependsOn that CloudFormation would infer by itself. The CDK writes those. */
const IGNORED = 'W3005'
const ROOT = join(import.meta.dirname, '../..')
const SYNTH_TIMEOUT_MS = 120_000
const LINT_TIMEOUT_MS = 180_000

suite('cfn-lint', () => {
  let out: string

  beforeAll(() => {
    out = mkdtempSync(join(tmpdir(), 'aegis-cfn-lint-'))
    const cdk = join(ROOT, 'node_modules/.bin/cdk')
    execFileSync(cdk, ['synth', '--quiet', '--no-notices', '--output', out], { cwd: ROOT, stdio: 'pipe', timeout: SYNTH_TIMEOUT_MS })
  }, SYNTH_TIMEOUT_MS)

  afterAll(() => rmSync(out, { recursive: true, force: true }))

  test(
    'finds nothing in any template',
    () => {
      const byRegion = templatesByRegion(out)
      expect(byRegion.size).toBeGreaterThan(1)
      const findings = [...byRegion].map(([region, templates]) => [region, lint(region, templates)])
      expect(findings).toEqual([...byRegion.keys()].map((region) => [region, '']))
    },
    LINT_TIMEOUT_MS,
  )

  test(
    'finds nothing with everything on that config can switch on',
    () => {
      const { directory } = buildApp(EVERYTHING_ON).app.synth()
      const byRegion = templatesByRegion(directory)
      const findings = [...byRegion].map(([region, templates]) => [region, lint(region, templates)])
      rmSync(directory, { recursive: true, force: true })
      expect(findings).toEqual([...byRegion.keys()].map((region) => [region, '']))
    },
    SYNTH_TIMEOUT_MS + LINT_TIMEOUT_MS,
  )

  test(
    'finds nothing in the standby of the control plane after a move',
    () => {
      const { accounts } = deployment.environments.prod ?? {}
      const controlZone = { hostedZoneId: 'Z0123456789ABC', nameServers: ['ns-1.awsdns-01.org', 'ns-2.awsdns-02.com'] }
      const { templates } = synthesize({
        controlPlane: { standbyRegion: 'eu-central-1', runsIn: 'standby', term: 2 },
        environments: { prod: { accounts: accounts as { control: string; workload: string }, controlZone } },
      })
      for (const [name, region] of [
        ['aegis-prod-control-plane-standby', 'eu-central-1'],
        ['aegis-prod-control-plane', 'eu-west-1'],
        ['aegis-prod-routing', 'eu-north-1'],
      ] as const) {
        const file = join(out, `moved-${name}.json`)
        writeFileSync(file, JSON.stringify(templates.get(name)))
        expect([name, lint(region, [file])]).toEqual([name, ''])
      }
    },
    LINT_TIMEOUT_MS,
  )

  test(
    'refuses a template with a property that its type does not have',
    () => {
      const planted = join(out, 'planted.json')
      const table = { Type: 'AWS::DynamoDB::Table', Properties: { KeySchema: [], Planted: true } }
      writeFileSync(planted, JSON.stringify({ Resources: { Table: table } }))
      expect(lint('eu-west-1', [planted])).toContain('Planted')
    },
    LINT_TIMEOUT_MS,
  )
})

/** What the linter says about templates that are deployed in one region; empty when it has nothing to say. */
function lint(region: string, templates: readonly string[]): string {
  const args = ['--regions', region, '--ignore-checks', IGNORED, '--format', 'parseable', '--template', ...templates]
  const { stdout, stderr, error } = spawnSync(linter ?? '', args, { encoding: 'utf8', timeout: LINT_TIMEOUT_MS })
  if (error) throw error
  return `${stdout}${stderr}`.trim()
}

/** Region -> paths of the templates that are deployed there, from the cloud assembly's manifest. */
function templatesByRegion(assembly: string): Map<string, string[]> {
  const { artifacts } = JSON.parse(readFileSync(join(assembly, 'manifest.json'), 'utf8')) as {
    artifacts: Record<string, { type: string; environment?: string; properties?: { templateFile?: string } }>
  }
  const byRegion = new Map<string, string[]>()
  for (const { type, environment, properties } of Object.values(artifacts)) {
    if (type !== 'aws:cloudformation:stack' || properties?.templateFile === undefined) continue
    const region = environment?.split('/').at(-1) ?? 'unknown'
    byRegion.set(region, [...(byRegion.get(region) ?? []), join(assembly, properties.templateFile)])
  }
  return byRegion
}
