import { deployment as input } from '../../config/deployment.ts'
import { resolveDeployment } from '../../config/resolve.ts'
import { PLACEHOLDER_TRUST_ROOT } from '../../config/trust.ts'
import {
  GATEWAY_ENVIRONMENT,
  GATEWAY_SECRETS,
  gatewayEnvironment,
  gatewaySecrets,
  notifiedTopics,
} from '../../lib/constructs/gateway-environment.ts'
import { KNOWN_VARIABLES, loadConfig, REQUIRED_VARIABLES } from '../../runtime/gateway/config.ts'

describe('the environment of a gateway task', () => {
  const deployment = resolveDeployment(input)

  it('is what the gateway requires, secrets included, no more and no less', () => {
    expect([...GATEWAY_ENVIRONMENT, ...GATEWAY_SECRETS].toSorted()).toEqual([...REQUIRED_VARIABLES].toSorted())
  })

  it('is accepted by the gateway once the secrets have values', () => {
    const environment = gatewayEnvironment(deployment, 'eu-west-1', 'eu', PLACEHOLDER_TRUST_ROOT)
    const secrets = Object.fromEntries(GATEWAY_SECRETS.map((variable) => [variable, 'A'.repeat(64)]))
    expect(() => loadConfig({ ...environment, ...secrets })).not.toThrow()
    expect(() => loadConfig(environment)).toThrow('AEGIS_PSEUDONYM_KEY')
  })

  it('has a secret of its own in every zone', () => {
    const names = Object.keys(deployment.zones).map((zone) => gatewaySecrets(deployment, zone).AEGIS_PSEUDONYM_KEY)
    expect(new Set(names).size).toBe(names.length)
  })

  it('takes who is notified from a secret too, when config names one that the gateway understands', () => {
    expect(gatewaySecrets(deployment, 'eu')).not.toHaveProperty('AEGIS_NOTIFY')
    const notified = resolveDeployment({ ...input, notify: { secretName: 'company/aegis-notify', topics: ['approvals'] } })
    expect(gatewaySecrets(notified, 'eu')).toMatchObject({ AEGIS_NOTIFY: 'company/aegis-notify' })
    expect(KNOWN_VARIABLES).toContain('AEGIS_NOTIFY')
    expect(notifiedTopics(notified, 'eu-west-1', '222222222222')).toEqual(['arn:aws:sns:eu-west-1:222222222222:approvals'])
  })
})
