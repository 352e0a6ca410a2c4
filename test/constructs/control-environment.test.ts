import { deployment as input } from '../../config/deployment.ts'
import { resolveDeployment } from '../../config/resolve.ts'
import {
  CONTROL_ENVIRONMENT,
  controlEnvironment,
  FIRST_ENVIRONMENT,
  PLATFORM_ENVIRONMENT,
  STANDBY_ENVIRONMENT,
} from '../../lib/constructs/control-environment.ts'
import { controlPlaneHosts } from '../../lib/constructs/control-hosts.ts'
import { deployedHosts } from '../../lib/stacks/control-plane.ts'
import { KNOWN_VARIABLES, loadConfig } from '../../runtime/control-plane/config.ts'

/** What only another world than AWS needs said, and each why. */
const ELSEWHERE = [
  // Fewer regions than the deployment's, at other addresses: the local fabric.
  'AEGIS_REGIONS',
  'AEGIS_REGION_ENDPOINTS',
  // In place of what the image's own config says: the fabric again, which makes keys of its own and waits for nobody.
  'AEGIS_TRUST_FILE',
  'AEGIS_ROLLOUT',
  // The default fits the longest life of a token.
  'AEGIS_KEY_OVERLAP_S',
]

describe('the environment of a control plane task', () => {
  const deployment = resolveDeployment(input)
  const standby = resolveDeployment({ ...input, controlPlane: { standbyRegion: 'eu-central-1', runsIn: 'standby', term: 2 } })
  const hosts = deployedHosts(deployment)

  it('is what the control plane reads, no more and no less', () => {
    expect([...CONTROL_ENVIRONMENT, ...FIRST_ENVIRONMENT, ...STANDBY_ENVIRONMENT, ...ELSEWHERE].toSorted()).toEqual(
      [...KNOWN_VARIABLES].toSorted(),
    )
    expect(Object.keys(controlEnvironment(deployment, hosts)).toSorted()).toEqual(
      [...CONTROL_ENVIRONMENT, ...FIRST_ENVIRONMENT, ...PLATFORM_ENVIRONMENT].toSorted(),
    )
    expect(Object.keys(controlEnvironment(standby, hosts)).toSorted()).toEqual(
      [...CONTROL_ENVIRONMENT, ...STANDBY_ENVIRONMENT, ...PLATFORM_ENVIRONMENT].toSorted(),
    )
  })

  it('is understood as it is meant: at home the deployment’s own store, in the standby region a store of its own and the copy', () => {
    expect(loadConfig(controlEnvironment(deployment, hosts))).toMatchObject({
      controlRegion: 'eu-west-1',
      term: 1,
      documentsDir: 'demo',
      documentsWhen: 'empty',
      storeBucket: 'aegis-prod-control-plane-111111111111',
      storeCopyBucket: undefined,
      deployedHosts: hosts,
    })
    expect(loadConfig(controlEnvironment(standby, hosts))).toMatchObject({
      controlRegion: 'eu-central-1',
      term: 2,
      documentsDir: undefined,
      storeBucket: 'aegis-prod-control-standby-111111111111',
      storeCopyBucket: 'aegis-prod-control-copy-111111111111',
    })
  })

  it('tells the hosts of every region, and the stack that lets them out', () => {
    expect(hosts.map(({ region, stack }) => [region, stack])).toEqual(
      ['eu-west-1', 'eu-central-1', 'us-east-1', 'ap-southeast-1'].map((region) => [region, `aegis-prod-network-${region}`]),
    )
  })
})

describe('what a control plane resolves', () => {
  it('is every region’s services by name, its own region’s, and the OpenID provider', () => {
    const deployment = resolveDeployment({ ...input, controlPlane: { egressHosts: ['keys.login.example'] } })
    const hosts = controlPlaneHosts(deployment, 'eu-west-1')
    expect(hosts.filter((host) => host.includes('*'))).toEqual([])
    expect(hosts.filter((host) => !host.endsWith('.amazonaws.com'))).toEqual(['keys.login.example', 'login.aegis.example'])
    for (const region of ['eu-west-1', 'eu-central-1', 'us-east-1', 'ap-southeast-1'])
      for (const service of ['dynamodb', 'kms', 's3']) expect(hosts).toContain(`${service}.${region}.amazonaws.com`)
    // ECS pulls the image and writes the log in the task's own network.
    expect(hosts).toEqual(expect.arrayContaining(['api.ecr.eu-west-1.amazonaws.com', '111111111111.dkr.ecr.eu-west-1.amazonaws.com']))
    expect(hosts.filter((host) => /ecr|logs|starport/.test(host) && !host.includes('eu-west-1'))).toEqual([])
  })
})
