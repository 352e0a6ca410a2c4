import { type Deployment, regionsOf } from '../../config/schema.ts'
import { operatorIssuerHost } from './control-environment.ts'

/** Services of every serving region that a control plane writes to or asks. */
const SERVICES = ['dynamodb', 'kms', 's3']

/**
 * All that a control plane in a region may resolve: the services of every serving region by their regional names, what ECS needs in its own
 * region to start it, and the operators' OpenID provider. No pattern: another account's bucket has a name of its own under amazonaws.com.
 */
export function controlPlaneHosts(deployment: Deployment, region: string): string[] {
  const { control } = deployment.accounts
  const aws = (host: string, place: string) => `${host}.${place}.amazonaws.com`
  const served = regionsOf(deployment).flatMap((cell) => SERVICES.map((service) => aws(service, cell.region)))
  const own = ['kms', 's3', 'logs', 'api.ecr', `${control}.dkr.ecr`, imageLayersHost(region)].map((host) => aws(host, region))
  return [...new Set([...served, ...own, operatorIssuerHost(deployment), ...deployment.controlPlane.egressHosts])].sort()
}

/** ECR keeps image layers in a bucket of AWS's own, one a region (Amazon ECR User Guide, "Amazon ECR interface VPC endpoints"). */
const imageLayersHost = (region: string) => `prod-${region}-starport-layer-bucket.s3`
