// `npm run cost`: what the deployment in config/ costs a month, at list prices, from the templates that `cdk deploy` would send. It asks nobody.
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { App } from 'aws-cdk-lib/core'
import { deployment as input } from '../config/deployment.ts'
import { stackNames } from '../config/names.ts'
import { loadPrices, type PriceList } from '../config/prices.ts'
import { ConfigError, resolveDeployment } from '../config/resolve.ts'
import { type Deployment, regionsOf } from '../config/schema.ts'
import { loadTrustRoot } from '../config/trust.ts'
import { addStacks } from '../lib/aegis-app.ts'
import { ASSUMPTIONS, type Assumptions, assumed } from './cost-assumptions.ts'
import { type CostedStack, cellOf, customMetrics, estimate } from './cost-estimate.ts'
import { costReport, costText } from './cost-report.ts'

const ROOT = new URL('../', import.meta.url)

class UsageError extends Error {}

const USAGE = `npm run cost -- [--environment <name>] [--set <assumption>=<number>]... [--json]`

function main(args: readonly string[]): number {
  try {
    const { environment, changed, json } = readArguments(args)
    const deployment = resolveDeployment(input, environment)
    const prices = loadPrices(new URL('config/prices/', ROOT))
    const report = reportOf(deployment, prices, assumed(changed))
    process.stdout.write(json ? `${JSON.stringify(report, null, 2)}\n` : costText(report))
    return 0
  } catch (error) {
    if (!(error instanceof UsageError) && !(error instanceof ConfigError)) throw error
    console.error(error.message)
    return 2
  }
}

function readArguments(args: readonly string[]): { environment: string | undefined; changed: Partial<Assumptions>; json: boolean } {
  const options = { environment: { type: 'string' }, set: { type: 'string', multiple: true }, json: { type: 'boolean' } } as const
  try {
    const { values } = parseArgs({ args: [...args], options })
    return {
      environment: values.environment,
      changed: Object.fromEntries((values.set ?? []).map(assumptionOf)),
      json: values.json ?? false,
    }
  } catch (error) {
    if (error instanceof UsageError) throw error
    throw new UsageError(`cost: ${(error as Error).message}\n${USAGE}`)
  }
}

function assumptionOf(text: string): [name: string, value: number] {
  const [name = '', value = ''] = text.split('=')
  if (!Object.hasOwn(ASSUMPTIONS, name))
    throw new UsageError(`cost: --set ${text}: no assumption ${JSON.stringify(name)}; there are ${Object.keys(ASSUMPTIONS).join(', ')}`)
  const number = Number(value)
  if (value === '' || !Number.isFinite(number) || number < 0) throw new UsageError(`cost: --set ${text}: must be a number of 0 or more`)
  return [name, number]
}

function reportOf(deployment: Deployment, prices: PriceList, assumptions: Assumptions) {
  const stacks = synthesize(deployment)
  const { lines, unpriced } = estimate(stacks, prices, assumptions)
  const regions = regionsOf(deployment).map(({ region }) => ({ region, ...cellOf(stacks, region, assumptions) }))
  return costReport({ lines, unpriced, regions, prices, assumptions, metrics: customMetrics(assumptions) })
}

/** The stacks as `cdk synth` makes them, without the nag packs, which judge and add nothing. */
function synthesize(deployment: Deployment): CostedStack[] {
  const outdir = mkdtempSync(join(tmpdir(), 'aegis-cost-'))
  try {
    const { context } = JSON.parse(readFileSync(new URL('cdk.json', ROOT), 'utf8')) as { context: Record<string, unknown> }
    const app = new App({ context, outdir, analyticsReporting: false })
    const trustRoot = loadTrustRoot(new URL('config/trust', ROOT).pathname, deployment.environment)
    addStacks(app, { deployment, trustRoot })
    const { controlPlane } = stackNames(deployment)
    return app.synth().stacks.map(({ stackName, environment, template }) => ({
      name: stackName,
      region: environment.region,
      serves: !stackName.startsWith(controlPlane),
      template,
    }))
  } finally {
    rmSync(outdir, { recursive: true, force: true })
  }
}

process.exitCode = main(process.argv.slice(2))
