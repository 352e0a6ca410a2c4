import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { DockerImageAsset, Platform } from 'aws-cdk-lib/aws-ecr-assets'
import { ContainerImage } from 'aws-cdk-lib/aws-ecs'
import { DefaultStackSynthesizer, IgnoreMode } from 'aws-cdk-lib/core'
import type { Construct } from 'constructs'

const REPOSITORY = fileURLToPath(new URL('../..', import.meta.url))

/** What there is an image of, each described by the `Dockerfile` in its folder. */
export const IMAGES = { gateway: 'runtime/gateway', 'control-plane': 'runtime/control-plane' } as const
export type Image = keyof typeof IMAGES

/**
 * An image built from this very tree, which `cdk deploy` builds once and pushes into the registry of each region that has a stack with it.
 * Its tag is the fingerprint of what is in it: a change of anything else deploys nothing. Synthesis only reads the files; it needs no Docker.
 *
 * It gives no right to pull it: CDK would give the execution role the login of every region. The role names its own (`imageRepository`).
 *
 * @param root folder that the image is built from. Default: this repository
 */
export function imageOf(scope: Construct, image: Image, root = REPOSITORY): ContainerImage {
  return ContainerImage.fromRegistry(imageAsset(scope, image, root).imageUri)
}

/** The asset behind `imageOf`. */
export function imageAsset(scope: Construct, image: Image, root = REPOSITORY): DockerImageAsset {
  const file = `${IMAGES[image]}/Dockerfile`
  return new DockerImageAsset(scope, 'Image', {
    directory: root,
    file,
    // Graviton, as the task definitions say.
    platform: Platform.LINUX_ARM64,
    exclude: allowed(join(root, `${file}.dockerignore`)),
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

/** Docker reads this file by its name; CDK, which stages and fingerprints what Docker gets to see, only one at the root. */
export function allowed(file: string): string[] {
  return readFileSync(file, 'utf8')
    .split('\n')
    .filter((line) => line !== '' && !line.startsWith('#'))
}
