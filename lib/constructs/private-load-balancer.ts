import { type ISecurityGroup, type IVpc, Peer, Port, SecurityGroup } from 'aws-cdk-lib/aws-ec2'
import type { ApplicationLoadBalancer } from 'aws-cdk-lib/aws-elasticloadbalancingv2'
import type { Construct } from 'constructs'
import { acknowledge, inStandards } from '../nag/acknowledge.ts'
import { type AccessLogs, loadBalancer } from './load-balancer.ts'

export interface PrivateLoadBalancerProps {
  readonly loadBalancerName: string
  readonly vpc: IVpc
  /** Security group of the tasks: the one place that the load balancer may connect to. */
  readonly taskSecurityGroup: ISecurityGroup
  /** Private ranges that operators come from. */
  readonly sources: readonly string[]
  /** Of the tasks. */
  readonly port: number
  /** What it leads to, in the words of its rules: a rule's text cannot be changed without making it anew. */
  readonly words: { readonly whose: string; readonly tasks: string; readonly from: string }
  readonly logs: AccessLogs
}

/** A way in for operators: no public address, HTTPS from private ranges alone, and to its tasks by one port. */
export function privateLoadBalancer(scope: Construct, props: PrivateLoadBalancerProps): ApplicationLoadBalancer {
  const { loadBalancerName, vpc, logs } = props
  const made = loadBalancer(scope, { loadBalancerName, vpc, internetFacing: false, securityGroup: operatorHttps(scope, props), logs })
  acknowledge(
    made,
    inStandards({
      ALBWAFEnabled: 'no public address: only private networks that config names reach it, and they are not a crowd to limit',
    }),
  )
  return made
}

function operatorHttps(scope: Construct, { vpc, taskSecurityGroup, sources, port, words }: PrivateLoadBalancerProps): SecurityGroup {
  const securityGroup = new SecurityGroup(scope, 'SecurityGroup', {
    vpc,
    description: `HTTPS from private networks to the load balancer of ${words.whose}`,
    allowAllOutbound: false,
  })
  for (const source of sources) securityGroup.addIngressRule(Peer.ipv4(source), Port.tcp(443), 'HTTPS from operators')
  securityGroup.addEgressRule(taskSecurityGroup, Port.tcp(port), `HTTP to ${words.tasks}`)
  taskSecurityGroup.addIngressRule(securityGroup, Port.tcp(port), `HTTP from ${words.from}`)
  return securityGroup
}
