import { readFileSync } from 'node:fs'
import { join, relative, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { DockerImageAsset, Platform } from 'aws-cdk-lib/aws-ecr-assets'
import { ContainerImage, CpuArchitecture, OperatingSystemFamily, type RuntimePlatform } from 'aws-cdk-lib/aws-ecs'
import { DefaultStackSynthesizer, IgnoreMode } from 'aws-cdk-lib/core'
import type { Construct } from 'constructs'
import { ConfigError } from '../../config/resolve.ts'

const DEMO = 'demo'
const REPOSITORY = fileURLToPath(new URL('../..', import.meta.url))

/** What there is an image of, each described by the `Dockerfile` in its folder. */
export const IMAGES = { gateway: 'runtime/gateway', 'control-plane': 'runtime/control-plane', collector: 'runtime/collector' } as const
export type Image = keyof typeof IMAGES

/** What tasks run on, which is what the images are built for. */
export const GRAVITON: RuntimePlatform = { cpuArchitecture: CpuArchitecture.ARM64, operatingSystemFamily: OperatingSystemFamily.LINUX }

/**
 * An image built from this very tree, which `cdk deploy` builds once and pushes into the registry of each region that has a stack with it.
 * Its tag is the fingerprint of what is in it: a change of anything else deploys nothing. Synthesis only reads the files; it needs no Docker.
 *
 * It gives no right to pull it: CDK would give the execution role the login of every region. The role names its own (`imageRepository`).
 */
export function imageOf(scope: Construct, image: Image, options: ImageOptions = {}): ContainerImage {
  return ContainerImage.fromRegistry(imageAsset(scope, image, options).imageUri)
}

export interface ImageOptions {
  /** Folder of the repository with the documents that the control plane publishes first. @default `demo` */
  readonly documentsDir?: string
  /** Absolute path of the folder that the image is built from. @default this repository */
  readonly root?: string
}

/** The asset behind `imageOf`. */
export function imageAsset(
  scope: Construct,
  image: Image,
  { documentsDir = DEMO, root = REPOSITORY }: ImageOptions = {},
): DockerImageAsset {
  const file = `${IMAGES[image]}/Dockerfile`
  const documents = within(root, documentsDir)
  return new DockerImageAsset(scope, 'Image', {
    directory: root,
    file,
    platform: Platform.LINUX_ARM64,
    exclude: allowed(join(root, `${file}.dockerignore`)).map((line) => (line === `!${DEMO}` ? `!${documents}` : line)),
    ...(image === 'control-plane' && { buildArgs: { DOCUMENTS_DIR: documents } }),
    ignoreMode: IgnoreMode.DOCKER,
    displayName: `Aegis ${image}`,
  })
}

/**
 * Name of the repository that `cdk bootstrap` made for images, one in each region and account.
 * @see https://docs.aws.amazon.com/cdk/v2/guide/bootstrapping-env.html
 */
export function imageRepository(scope: Construct, account: string, region: string): string {
  const qualifier: unknown = scope.node.tryGetContext('@aws-cdk/core:bootstrapQualifier')
  return `cdk-${qualifier ?? DefaultStackSynthesizer.DEFAULT_QUALIFIER}-container-assets-${account}-${region}`
}

/** What it takes to pull an image of a repository, beside the login. */
export const PULL_ACTIONS: readonly string[] = ['ecr:BatchCheckLayerAvailability', 'ecr:BatchGetImage', 'ecr:GetDownloadUrlForLayer']

/** @throws ConfigError for a folder that no image can be built with */
function within(root: string, documentsDir: string): string {
  const path = relative(root, resolve(root, documentsDir))
  if (path !== '' && !path.startsWith('..')) return path
  throw new ConfigError([`documentsDir: ${documentsDir} is not a folder of this repository, so the control plane's image cannot carry it`])
}

/** Docker reads this file by its name; CDK, which stages and fingerprints what Docker gets to see, only one at the root. */
export function allowed(file: string): string[] {
  return readFileSync(file, 'utf8')
    .split('\n')
    .filter((line) => line !== '' && !line.startsWith('#'))
}
