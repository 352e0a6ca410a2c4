import { z } from 'zod'
import { originOf, type Resource } from './assembly.ts'
import { loadBalancerDnsName, physicalId, where } from './intrinsics.ts'
import { cfnNumber, parseProperties } from './properties.ts'
import { TemplateError } from './template-error.ts'
import type { LoadBalancer, TargetCheck } from './topology.ts'

/** Load balancers with the health check of the target group that their listeners forward to. */
export function readLoadBalancers(resources: Resource[]): LoadBalancer[] {
  return resources
    .filter(({ type }) => type === 'AWS::ElasticLoadBalancingV2::LoadBalancer')
    .map((resource) => {
      const id = physicalId(resource.stack, resource.logicalId)
      return {
        id,
        dnsName: loadBalancerDnsName(resource.stack, resource.logicalId),
        region: resource.stack.region,
        // AWS's default, like that of the CDK's own construct, is a public one.
        internal: parseProperties(resource, schemeShape, { closed: false }).Scheme === 'internal',
        targetCheck: targetCheckOf(id, resource, resources),
        origin: originOf(resource),
      }
    })
}

function targetCheckOf(id: string, balancer: Resource, resources: Resource[]): TargetCheck {
  const inStack = resources.filter(({ stack }) => stack === balancer.stack)
  const listeners = inStack
    .filter(({ type }) => type === 'AWS::ElasticLoadBalancingV2::Listener')
    .map((resource) => ({ resource, ...parseProperties(resource, listenerShape, { closed: false }) }))
    .filter(({ LoadBalancerArn }) => LoadBalancerArn === id)
  const rules = inStack
    .filter(({ type }) => type === 'AWS::ElasticLoadBalancingV2::ListenerRule')
    .map((resource) => parseProperties(resource, ruleShape, { closed: false }))
    .filter(({ ListenerArn }) => listeners.some(({ resource }) => physicalId(resource.stack, resource.logicalId) === ListenerArn))
  const actions = [...listeners.flatMap(({ DefaultActions }) => DefaultActions), ...rules.flatMap(({ Actions }) => Actions)]
  const arns = actions.flatMap(({ TargetGroupArn, ForwardConfig }) => [
    ...(TargetGroupArn === undefined ? [] : [TargetGroupArn]),
    ...(ForwardConfig?.TargetGroups.map((group) => group.TargetGroupArn) ?? []),
  ])
  const group = inStack.find(
    ({ type, stack, logicalId }) => type === 'AWS::ElasticLoadBalancingV2::TargetGroup' && arns.includes(physicalId(stack, logicalId)),
  )
  if (group === undefined)
    throw new TemplateError(
      where(balancer, 'Listeners'),
      'no listener of it forwards to a target group',
      'the fabric needs one to know its health',
    )
  const check = parseProperties(group, targetGroupShape, { closed: false })
  return {
    path: check.HealthCheckPath,
    intervalS: check.HealthCheckIntervalSeconds,
    timeoutS: check.HealthCheckTimeoutSeconds,
    healthyThreshold: check.HealthyThresholdCount,
    unhealthyThreshold: check.UnhealthyThresholdCount,
  }
}

const schemeShape = { Scheme: z.enum(['internal', 'internet-facing']).default('internet-facing') }

const action = z.object({
  Type: z.string(),
  TargetGroupArn: z.string().optional(),
  ForwardConfig: z.object({ TargetGroups: z.array(z.object({ TargetGroupArn: z.string() })).default([]) }).optional(),
})
const listenerShape = { LoadBalancerArn: z.string(), DefaultActions: z.array(action) }
const ruleShape = { ListenerArn: z.string(), Actions: z.array(action) }

/** Defaults of AWS::ElasticLoadBalancingV2::TargetGroup for an application load balancer. */
const targetGroupShape = {
  HealthCheckPath: z.string().default('/'),
  HealthCheckIntervalSeconds: cfnNumber.default(30),
  HealthCheckTimeoutSeconds: cfnNumber.default(5),
  HealthyThresholdCount: cfnNumber.default(5),
  UnhealthyThresholdCount: cfnNumber.default(2),
}
