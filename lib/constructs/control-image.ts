import { ContainerImage } from 'aws-cdk-lib/aws-ecs'
import { Annotations } from 'aws-cdk-lib/core'
import type { Construct } from 'constructs'
import { controlNames } from '../../config/names.ts'
import type { Deployment } from '../../config/schema.ts'
import { PLACEHOLDER_IMAGE_TAG, type Placeholder } from '../placeholders.ts'

export interface ControlPlaneImage {
  readonly image: ContainerImage
  /** Repository of the control account and the region, from which ECS may pull. */
  readonly repository: string
  readonly placeholders: readonly Placeholder[]
}

/** The control plane's image in a region. The one place that says where it comes from: `cdk synth -c imageTag=<tag>`. */
export function controlPlaneImage(scope: Construct, deployment: Deployment, region: string): ControlPlaneImage {
  const { image, repository } = controlNames(deployment, region)
  const tag: string = scope.node.tryGetContext('imageTag') ?? PLACEHOLDER_IMAGE_TAG
  Annotations.of(scope).acknowledgeWarning('@aws-cdk/aws-ecs:ecrImageRequiresPolicy', 'the execution role may pull this repository')
  return { image: ContainerImage.fromRegistry(image(tag)), repository, placeholders: tag === PLACEHOLDER_IMAGE_TAG ? ['imageTag'] : [] }
}
