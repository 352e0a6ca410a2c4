import { publicNames, sharedNames } from '../../config/names.ts'
import { controlRegionOf, type Deployment } from '../../config/schema.ts'
import { RING } from './gateway-environment.ts'

/**
 * A control plane's environment: what the template sets and `runtime/control-plane/config.ts` reads. The two sides share no code, so a test
 * compares them by this list and the next.
 */
export const CONTROL_ENVIRONMENT = [
  'AEGIS_ENVIRONMENT',
  'AEGIS_HOST',
  'AEGIS_PORT',
  'AEGIS_RING',
  'AEGIS_DEPLOYED_HOSTS',
  'AEGIS_CONTROL_REGION',
  'AEGIS_CONTROL_TERM',
  'AEGIS_STORE_BUCKET',
] as const
/** Where nothing was ever published: which documents of the image are, and when. A rebuilt one has them from the store. */
export const FIRST_ENVIRONMENT = ['AEGIS_DOCUMENTS_DIR', 'AEGIS_DOCUMENTS_WHEN'] as const
/** The same of a control plane that was rebuilt in the standby region: from where its store is filled first. */
export const STANDBY_ENVIRONMENT = ['AEGIS_STORE_COPY_BUCKET'] as const
/** What the AWS SDK and Node read by themselves. */
export const PLATFORM_ENVIRONMENT = ['AWS_REGION', 'AWS_ACCOUNT_ID_ENDPOINT_MODE', 'TMPDIR'] as const

export type ControlVariable =
  | (typeof CONTROL_ENVIRONMENT)[number]
  | (typeof FIRST_ENVIRONMENT)[number]
  | (typeof STANDBY_ENVIRONMENT)[number]
  | (typeof PLATFORM_ENVIRONMENT)[number]

/** Port on which a control plane serves plain HTTP; TLS ends at the load balancer. */
export const CONTROL_PORT = 8080
/** The one path that a task can write: the compiler of policies works there. */
export const CONTROL_SCRATCH_DIR = '/tmp'

/** What one region's deployed network lets out, and the stack that says so. */
export interface DeployedHosts {
  readonly region: string
  readonly stack: string
  readonly hosts: readonly string[]
}

/** Every value is a literal, no token. */
export function controlEnvironment(
  deployment: Deployment,
  deployedHosts: readonly DeployedHosts[],
): Partial<Record<ControlVariable, string>> & Record<(typeof CONTROL_ENVIRONMENT)[number], string> {
  const { controlStore, standbyControlStore, controlStoreCopy } = sharedNames(deployment)
  const { runsIn, term } = deployment.controlPlane
  const region = controlRegionOf(deployment)
  return {
    AEGIS_ENVIRONMENT: deployment.environment,
    AEGIS_HOST: '0.0.0.0',
    AEGIS_PORT: String(CONTROL_PORT),
    AEGIS_RING: RING,
    AEGIS_DEPLOYED_HOSTS: JSON.stringify(deployedHosts),
    AEGIS_CONTROL_REGION: region,
    AEGIS_CONTROL_TERM: String(term),
    AEGIS_STORE_BUCKET: runsIn === 'standby' ? standbyControlStore : controlStore,
    ...(runsIn === 'standby'
      ? { AEGIS_STORE_COPY_BUCKET: controlStoreCopy }
      : { AEGIS_DOCUMENTS_DIR: deployment.documentsDir, AEGIS_DOCUMENTS_WHEN: 'empty' }),
    AWS_REGION: region,
    // Hosts with the account in their name would each have to be let out: so one name a region and service.
    AWS_ACCOUNT_ID_ENDPOINT_MODE: 'disabled',
    TMPDIR: CONTROL_SCRATCH_DIR,
  }
}

/** Host of the operators' OpenID provider, which the control plane asks for its keys. */
export function operatorIssuerHost(deployment: Deployment): string {
  return new URL(publicNames(deployment).operatorIssuer).hostname
}
