import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { App } from 'aws-cdk-lib/core'
import { deployment as input } from '../../config/deployment.ts'
import { resolveDeployment } from '../../config/resolve.ts'
import type { Deployment, DeploymentInput } from '../../config/schema.ts'
import { PLACEHOLDER_TRUST_ROOT } from '../../config/trust.ts'
import { type AegisAppOptions, addStacks } from '../../lib/aegis-app.ts'
import { cdkContext } from '../support/cdk-context.ts'

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

export interface Assets {
  readonly files: readonly string[]
  readonly images: readonly { dockerFile: string; platform: string; tag: string; repository: string; region: string }[]
}

export interface Synthesized {
  readonly app: App
  readonly deployment: Deployment
  /** Stack name -> template. */
  readonly templates: ReadonlyMap<string, Template>
  /** Stack name -> what a deploy publishes for it: files besides the template, and images. */
  readonly assets: ReadonlyMap<string, Assets>
}

/**
 * `judged`: whether CDK's own rules of CloudFormation judge the templates, as they do in every `cdk synth`; one that is broken throws. They take ten
 * times as long as the synth itself, so two apps are judged: the default one (test/bin), and one that has everything else in it (options.test.ts).
 * Nag packs judge whom they are asked to (suites/nag.ts). Default: no.
 */
export type SynthesisOptions = Partial<AegisAppOptions> & { judged?: boolean }

/** As little as a deployment can be: what is asked of a stack has its answer in each that is like it. */
export const ONE_REGION = { zones: { eu: { regions: ['eu-west-1'] } } } satisfies Partial<DeploymentInput>

/** Builds the app with the feature flags of cdk.json, as the CLI does, without synthesizing it. */
export function buildApp(
  changed: Partial<DeploymentInput> = {},
  { judged = false, ...pins }: SynthesisOptions = {},
): { app: App; deployment: Deployment } {
  // Images are fingerprinted as ever, but nobody builds one from here: their sources need not be copied each time.
  const context = { ...cdkContext(), 'aws:cdk:disable-asset-staging': true }
  const app = new App({ context, analyticsReporting: false, builtinCloudFormationValidation: judged })
  const deployment = resolveDeployment({ ...input, ...changed })
  addStacks(app, { deployment, trustRoot: PLACEHOLDER_TRUST_ROOT, ...pins })
  return { app, deployment }
}

/** Synthesizes into a folder that is removed again. Takes seconds: share the result. */
export function synthesize(changed: Partial<DeploymentInput> = {}, options: SynthesisOptions = {}): Synthesized {
  const { app, deployment } = buildApp(changed, options)
  const assembly = app.synth()
  const templates = new Map(assembly.stacks.map(({ stackName, template }) => [stackName, structuredClone(template) as Template]))
  const assets = new Map(
    assembly.stacks.map(({ stackName, templateFile }) => [stackName, assetsOf(assembly.directory, stackName, templateFile)]),
  )
  rmSync(assembly.directory, { recursive: true, force: true })
  return { app, deployment, templates, assets }
}

interface AssetManifest {
  files?: Record<string, { source: { path?: string } }>
  dockerImages?: Record<
    string,
    {
      source: { dockerFile: string; platform: string }
      destinations: Record<string, { repositoryName: string; imageTag: string; region: string }>
    }
  >
}

function assetsOf(directory: string, stackName: string, templateFile: string): Assets {
  const manifest: AssetManifest = JSON.parse(readFileSync(join(directory, `${stackName}.assets.json`), 'utf8'))
  const files = Object.values(manifest.files ?? {}).map(({ source }) => source.path ?? 'made by a command')
  const images = Object.values(manifest.dockerImages ?? {}).flatMap(({ source: { dockerFile, platform }, destinations }) =>
    Object.values(destinations).map(({ repositoryName, imageTag, region }) => ({
      dockerFile,
      platform,
      tag: imageTag,
      repository: repositoryName,
      region,
    })),
  )
  return { files: files.filter((path) => path !== templateFile), images }
}

const SCRATCH = join(import.meta.dirname, '../../cdk.out')

export const CONTROL_ZONE = { hostedZoneId: 'Z0123456789DEF', nameServers: ['ns-1.awsdns-01.org', 'ns-2.awsdns-02.com'] }

/** As an adopter's first region, with nothing left of the placeholders: other accounts, domain, documents and pins. */
export function synthesizeOwn({ documentsDir, allowDemo = false }: { documentsDir?: string; allowDemo?: boolean } = {}): Synthesized {
  // Within the repository, as the control plane's image carries them.
  mkdirSync(SCRATCH, { recursive: true })
  const folder = mkdtempSync(join(SCRATCH, 'own-documents-'))
  writeFileSync(join(folder, 'tools.yaml'), '{}')
  const accounts = { control: '210987654321', workload: '310987654321' }
  const trustRoot = { keys: PLACEHOLDER_TRUST_ROOT.keys.map((key) => ({ ...key, kid: 'own' })) }
  try {
    return synthesize(
      {
        ...ONE_REGION,
        domain: 'aegis.corp',
        documentsDir: documentsDir ?? folder,
        environments: { prod: { accounts, hostedZoneId: 'Z0123456789ABC', controlZone: CONTROL_ZONE, allowDemo } },
      },
      { trustRoot },
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
