import { CfnWebACL, CfnWebACLAssociation } from 'aws-cdk-lib/aws-wafv2'
import { Construct } from 'constructs'
import { acknowledge, inStandards } from '../nag/acknowledge.ts'

export interface RateLimitProps {
  readonly loadBalancerArn: string
  /**
   * Requests that one address may make in a minute. Many agents share the address of their NAT, so this stops floods, not tenants.
   * @default 60000
   */
  readonly requestsPerMinute?: number
}

/**
 * A web ACL that counts requests by address, and nothing else. No managed body rules: they look at the first 8 KB and refuse tool calls
 * that legitimately carry SQL, HTML or shell text.
 */
export class RateLimit extends Construct {
  constructor(scope: Construct, id: string, { loadBalancerArn, requestsPerMinute = 60_000 }: RateLimitProps) {
    super(scope, id)
    const metric = (metricName: string) => ({ cloudWatchMetricsEnabled: true, sampledRequestsEnabled: false, metricName })
    const acl = new CfnWebACL(this, 'Acl', {
      scope: 'REGIONAL',
      description: 'Limits requests by address',
      defaultAction: { allow: {} },
      visibilityConfig: metric('aegis-gateway'),
      rules: [
        {
          name: 'requests-by-address',
          priority: 0,
          action: { block: { customResponse: { responseCode: 429 } } },
          statement: { rateBasedStatement: { aggregateKeyType: 'IP', limit: requestsPerMinute, evaluationWindowSec: 60 } },
          visibilityConfig: metric('aegis-gateway-rate'),
        },
      ],
    })
    acknowledge(
      acl,
      inStandards({
        WAFv2LoggingEnabled:
          "the load balancer's access log has every request with what the web ACL did to it; a second copy of it leaks more",
      }),
    )
    new CfnWebACLAssociation(this, 'Association', { resourceArn: loadBalancerArn, webAclArn: acl.attrArn })
  }
}
