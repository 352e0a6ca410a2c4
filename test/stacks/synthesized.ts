import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { App } from 'aws-cdk-lib/core'
import { deployment as input } from '../../config/deployment.ts'
import { resolveDeployment } from '../../config/resolve.ts'
import type { Deployment, DeploymentInput } from '../../config/schema.ts'
import { PLACEHOLDER_TRUST_ROOT } from '../../config/trust.ts'
import { type AegisAppOptions, addStacks } from '../../lib/aegis-app.ts'
import { addNagChecks } from '../../lib/nag/checks.ts'
import { PLACEHOLDER_IMAGE_TAG } from '../../lib/placeholders.ts'

export interface Resource {
  Type: string
  // biome-ignore lint/suspicious/noExplicitAny: a template is JSON of whatever shape its type has
  Properties: any
  DeletionPolicy?: string
  UpdateReplacePolicy?: string
}

export interface Template {
  Metadata?: Record<string, unknown>
  Parameters?: Record<string, { Default?: unknown; AllowedValues?: unknown[] }>
  Rules?: Record<string, { Assertions: { Assert: { 'Fn::Equals': [unknown, unknown] }; AssertDescription: string }[] }>
  Outputs?: Record<string, { Value: unknown }>
  Resources: Record<string, Resource>
}

export interface Synthesized {
  readonly app: App
  readonly deployment: Deployment
  /** Stack name -> template. */
  readonly templates: ReadonlyMap<string, Template>
}

/** Builds the app with the feature flags of cdk.json, as the CLI does, without synthesizing it. */
export function buildApp(
  changed: Partial<DeploymentInput> = {},
  pins: Partial<AegisAppOptions> = {},
): { app: App; deployment: Deployment } {
  const app = new App({ context: { ...cdkContext(), ...(pins.imageTag && { imageTag: pins.imageTag }) }, analyticsReporting: false })
  const deployment = resolveDeployment({ ...input, ...changed })
  addNagChecks(app, deployment)
  addStacks(app, { deployment, trustRoot: PLACEHOLDER_TRUST_ROOT, imageTag: PLACEHOLDER_IMAGE_TAG, ...pins })
  return { app, deployment }
}

/** The context of cdk.json, feature flags above all: without them the same code makes other templates. */
export function cdkContext(): Record<string, unknown> {
  return JSON.parse(readFileSync(new URL('../../cdk.json', import.meta.url), 'utf8')).context
}

/** Synthesizes into a folder that is removed again. Takes seconds: share the result. */
export function synthesize(changed: Partial<DeploymentInput> = {}, pins: Partial<AegisAppOptions> = {}): Synthesized {
  const { app, deployment } = buildApp(changed, pins)
  const assembly = app.synth()
  const templates = new Map(assembly.stacks.map(({ stackName, template }) => [stackName, structuredClone(template) as Template]))
  rmSync(assembly.directory, { recursive: true, force: true })
  return { app, deployment, templates }
}

const CONTROL_ZONE = { hostedZoneId: 'Z0123456789DEF', nameServers: ['ns-1.awsdns-01.org', 'ns-2.awsdns-02.com'] }

/** As an adopter's, with nothing left of the placeholders: other accounts, domain, documents and pins. */
export function synthesizeOwn({ documentsDir, allowDemo = false }: { documentsDir?: string; allowDemo?: boolean } = {}): Synthesized {
  const folder = mkdtempSync(join(tmpdir(), 'aegis-own-documents-'))
  writeFileSync(join(folder, 'tools.yaml'), '{}')
  const accounts = { control: '210987654321', workload: '310987654321' }
  const trustRoot = { keys: PLACEHOLDER_TRUST_ROOT.keys.map((key) => ({ ...key, kid: 'own' })) }
  try {
    return synthesize(
      {
        domain: 'aegis.corp',
        documentsDir: documentsDir ?? folder,
        environments: { prod: { accounts, hostedZoneId: 'Z0123456789ABC', controlZone: CONTROL_ZONE, allowDemo } },
      },
      { trustRoot, imageTag: 'v1' },
    )
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

/** Every resource of a type in one template, with its logical id. */
export function resourcesOf(template: Template | undefined, type: string): [logicalId: string, resource: Resource][] {
  if (template === undefined) throw new Error('no such stack')
  return Object.entries(template.Resources).filter(([, resource]) => resource.Type === type)
}

/** The one resource of a type. */
export function theResource(template: Template | undefined, type: string): Resource {
  const [found, ...others] = resourcesOf(template, type)
  if (found === undefined || others.length > 0)
    throw new Error(`expected one ${type}, found ${found === undefined ? 0 : others.length + 1}`)
  return found[1]
}
