import { spawnSync } from 'node:child_process'
import { cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { CfnRole } from 'aws-cdk-lib/aws-iam'
import { Bucket, CfnBucket } from 'aws-cdk-lib/aws-s3'
import { StringParameter } from 'aws-cdk-lib/aws-ssm'
import { type App, Stack } from 'aws-cdk-lib/core'
import { deployment as input } from '../../config/deployment.ts'
import { addNagChecks, nagPacks } from '../../lib/nag/checks.ts'
import { cdkContext } from '../support/cdk-context.ts'
import { smallApp } from '../support/small-app.ts'
import { deployment, raw, WORKLOAD } from './planted.ts'

const ROOT = join(import.meta.dirname, '../..')
const ENV = { account: WORKLOAD, region: 'eu-west-1' }

/** A fault that each pack must find. A pack that does not run is not in CDK's report at all, which looks like a pack without findings. */
const CANARIES: Readonly<Record<string, string>> = {
  AwsSolutions: 'AwsSolutions-S10',
  'NIST.800.53.R5': 'NIST.800.53.R5-S3BucketLoggingEnabled',
  'HIPAA.Security': 'HIPAA.Security-S3BucketLoggingEnabled',
  'PCI.DSS.321': 'PCI.DSS.321-S3BucketLoggingEnabled',
  Aegis: 'Aegis-ExperimentHasStopAlarm[StopConditions::none]',
}

interface Report {
  pluginReports: { pluginName: string; violations: { ruleName: string }[] }[]
}

let folder = ''
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'aegis-nag-'))
})
afterAll(() => rmSync(folder, { recursive: true, force: true }))

/** An app with the packs, as bin/aegis.ts has it, that is synthesized into a folder of its own. */
function plantedApp(name: string, plant: (app: App) => void): { message: string; report: Report } {
  const outdir = join(folder, name)
  const app = smallApp({ context: cdkContext(), outdir })
  addNagChecks(app, deployment)
  plant(app)
  let message = ''
  try {
    app.synth()
  } catch (error) {
    message = error instanceof Error ? error.message : String(error)
  }
  return { message, report: JSON.parse(readFileSync(join(outdir, 'validation-report.json'), 'utf8')) }
}

describe('the packs', () => {
  it('are these and no other', () => {
    expect(nagPacks(deployment).map(({ name }) => name)).toEqual(Object.keys(CANARIES))
  })

  it('all run in a synth: each finds its canary, and the synth fails', () => {
    const { message, report } = plantedApp('canary', (app) => {
      const stack = new Stack(app, 'canary', { env: ENV })
      new Bucket(stack, 'Open')
      raw('AWS::FIS::ExperimentTemplate', { StopConditions: [] })(stack)
    })
    const found = Object.fromEntries(
      report.pluginReports.map(({ pluginName, violations }) => [pluginName, violations.map(({ ruleName }) => ruleName)]),
    )
    for (const [pack, canary] of Object.entries(CANARIES)) {
      expect([pack, found[pack]]).toEqual([pack, expect.arrayContaining([canary])])
      expect(message).toContain(canary)
    }
  })

  it('see a reference between stacks, which CDK makes only at synth', () => {
    const { message } = plantedApp('reference', (app) => {
      const producer = new Stack(app, 'producer', { env: { ...ENV, region: 'us-east-1' } })
      const { attrArn } = new CfnBucket(producer, 'Bucket')
      new StringParameter(new Stack(app, 'consumer', { env: ENV }), 'Parameter', { stringValue: attrArn })
    })
    expect(message).toContain('Aegis-NoCrossStackToken[Fn::GetStackOutput]')
  })

  it('see what an escape hatch put into a template', () => {
    const { message } = plantedApp('hatch', (app) => {
      const role = new CfnRole(new Stack(app, 'hatch', { env: ENV }), 'Role', { assumeRolePolicyDocument: {} })
      role.addPropertyOverride('Policies', [{ PolicyDocument: { Statement: [{ Effect: 'Allow', Action: '*', Resource: '*' }] } }])
    })
    expect(message).toContain('Aegis-NoWildcard[Action::*]')
  })
})

describe('a scratch copy of the app', () => {
  // Of the runtime only what says what is in the images: nobody builds them here.
  const KEPT = /^(bin|config|lib|demo|policies|cdk\.json|package\.json|tsconfig\.json|runtime(\/[\w-]+(\/Dockerfile.*)?)?$)(\/|$)/

  /** Runs the copied app as the CLI does. */
  function synth(change: (text: string) => string) {
    const copy = mkdtempSync(join(folder, 'copy-'))
    cpSync(ROOT, copy, { recursive: true, filter: (source) => source === ROOT || KEPT.test(source.slice(ROOT.length + 1)) })
    symlinkSync(join(ROOT, 'node_modules'), join(copy, 'node_modules'))
    const table = join(copy, 'lib/constructs/residency-table.ts')
    const before = readFileSync(table, 'utf8')
    const after = change(before)
    writeFileSync(table, after)
    // Where the fault is, the rest of the deployment is not needed.
    const zones = { eu: { regions: ['eu-west-1'] } }
    writeFileSync(join(copy, 'config/deployment.ts'), `export const deployment = ${JSON.stringify({ ...input, zones })}`)
    // CDK's own rules of CloudFormation take longest, and are not what is asked about.
    const env = {
      ...process.env,
      CDK_OUTDIR: join(copy, 'cdk.out'),
      CDK_CONTEXT_JSON: JSON.stringify(cdkContext()),
      CDK_VALIDATION: 'false',
    }
    const { status, stdout, stderr } = spawnSync(process.execPath, ['bin/aegis.ts'], { cwd: copy, env, encoding: 'utf8' })
    return { changed: before !== after, status, output: `${stdout}${stderr}` }
  }

  it('fails the check, naming the rule, when a regional table gets a replica in us-east-1', () => {
    const { changed, status, output } = synth((text) =>
      text
        .replace('.customerManagedKey(props.key)', ".customerManagedKey(props.key, far ? { 'us-east-1': props.tableArn } : {})")
        .replace('deletionProtection: true,', "deletionProtection: true,\n      replicas: far ? [{ region: 'us-east-1' }] : [],")
        .replace('super(scope, id)', "super(scope, id)\n    const far = props.tableArn.includes(':eu-west-1:') && id === 'ApprovalsTable'"),
    )
    expect({ changed, status }).toEqual({ changed: true, status: 1 })
    expect(output).toContain('Aegis-ResidencyTableHasNoReplica[Replica::us-east-1]')
    expect(output).toContain('aegis-prod-residency-store-eu-west-1/ApprovalsTable')
  }, 120_000)
})
