import { lstatSync, readdirSync, readFileSync, realpathSync } from 'node:fs'
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
  // The other images carry no documents.
  const documents = image === 'control-plane' ? within(root, documentsDir) : documentsDir
  return new DockerImageAsset(scope, 'Image', {
    directory: root,
    file,
    platform: Platform.LINUX_ARM64,
    exclude: allowed(join(root, `${file}.dockerignore`)).flatMap((line) =>
      // Files that begin with a dot are an editor's, git's, or secrets for a shell (.env): no document is one.
      line === `!${DEMO}` ? [`!${documents}`, `${documents}/**/.*`] : [line],
    ),
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

/** @throws ConfigError for a folder that no image can be built with, or that would take along what is not in it */
function within(root: string, documentsDir: string): string {
  const path = relative(root, resolve(root, documentsDir))
  if (path === '' || path.split('/')[0] === '..')
    throw refusal(`${documentsDir} is not a folder of this repository, so the control plane's image cannot carry it`)
  // It becomes a pattern of what the build may see, in which `*` is every folder.
  if (!/^[\w./-]+$/.test(path)) throw refusal(`${documentsDir} may have letters, digits and . _ - / alone, as it becomes a pattern`)
  const folder = join(root, path)
  if (!lstatSync(folder, { throwIfNoEntry: false })?.isDirectory() || realpathSync(folder) !== join(realpathSync(root), path))
    throw refusal(`${documentsDir} is not a folder of this repository itself: it is absent, a file, or reached by a symbolic link`)
  // CDK follows links that lead out of what it stages, and would put what is there into the image.
  const link = readdirSync(folder, { recursive: true, withFileTypes: true }).find((entry) => entry.isSymbolicLink())
  if (link !== undefined) throw refusal(`${relative(root, join(link.parentPath, link.name))} is a symbolic link; put the file itself there`)
  return path
}

function refusal(why: string): ConfigError {
  return new ConfigError([`documentsDir: ${why}`])
}

/** Docker reads this file by its name; CDK, which stages and fingerprints what Docker gets to see, only one at the root. */
export function allowed(file: string): string[] {
  return readFileSync(file, 'utf8')
    .split('\n')
    .filter((line) => line !== '' && !line.startsWith('#'))
}
