import { readFileSync, rmSync } from 'node:fs'
import { App } from 'aws-cdk-lib/core'
import { deployment as input } from '../../config/deployment.ts'
import { resolveDeployment } from '../../config/resolve.ts'
import type { Deployment, DeploymentInput } from '../../config/schema.ts'
import { PLACEHOLDER_TRUST_ROOT } from '../../config/trust.ts'
import { addStacks } from '../../lib/aegis-app.ts'
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
  Resources: Record<string, Resource>
}

export interface Synthesized {
  readonly app: App
  readonly deployment: Deployment
  /** Stack name -> template. */
  readonly templates: ReadonlyMap<string, Template>
}

/** Builds the app with the feature flags of cdk.json, as the CLI does, without synthesizing it. */
export function buildApp(changed: Partial<DeploymentInput> = {}, { nag = true } = {}): { app: App; deployment: Deployment } {
  const app = new App({ context: cdkContext(), analyticsReporting: false })
  const deployment = resolveDeployment({ ...input, ...changed })
  if (nag) addNagChecks(app, deployment)
  addStacks(app, { deployment, trustRoot: PLACEHOLDER_TRUST_ROOT, imageTag: PLACEHOLDER_IMAGE_TAG })
  return { app, deployment }
}

/** The context of cdk.json, feature flags above all: without them the same code makes other templates. */
export function cdkContext(): Record<string, unknown> {
  return JSON.parse(readFileSync(new URL('../../cdk.json', import.meta.url), 'utf8')).context
}

/** Synthesizes into a folder that is removed again. Takes seconds: share the result. @param options `nag`: false leaves the rules out, which take most of the time */
export function synthesize(changed: Partial<DeploymentInput> = {}, options: { nag?: boolean } = {}): Synthesized {
  const { app, deployment } = buildApp(changed, options)
  const assembly = app.synth()
  const templates = new Map(assembly.stacks.map(({ stackName, template }) => [stackName, structuredClone(template) as Template]))
  rmSync(assembly.directory, { recursive: true, force: true })
  return { app, deployment, templates }
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
