import { deployment as input } from '../../config/deployment.ts'
import { resolveDeployment } from '../../config/resolve.ts'
import { PLACEHOLDER_TRUST_ROOT } from '../../config/trust.ts'
import { GATEWAY_ENVIRONMENT, gatewayEnvironment } from '../../lib/constructs/gateway-environment.ts'
import { loadConfig, REQUIRED_VARIABLES } from '../../runtime/gateway/config.ts'

describe('the environment of a gateway task', () => {
  it('is what the gateway requires, no more and no less', () => {
    expect([...GATEWAY_ENVIRONMENT].toSorted()).toEqual([...REQUIRED_VARIABLES].toSorted())
  })

  it('is accepted by the gateway', () => {
    const environment = gatewayEnvironment(resolveDeployment(input), 'eu-west-1', 'eu', PLACEHOLDER_TRUST_ROOT)
    expect(() => loadConfig(environment)).not.toThrow()
  })
})
