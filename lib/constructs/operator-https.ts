import { type ISecurityGroup, type IVpc, Peer, Port, SecurityGroup } from 'aws-cdk-lib/aws-ec2'
import type { Construct } from 'constructs'

export interface OperatorHttpsProps {
  readonly vpc: IVpc
  readonly taskSecurityGroup: ISecurityGroup
  /** Private ranges that operators come from. */
  readonly sources: readonly string[]
  /** Of the tasks. */
  readonly port: number
  /** What it leads to, in the words of its rules: a rule's text cannot be changed without making it anew. */
  readonly words: { readonly whose: string; readonly tasks: string; readonly from: string }
}

/** Who may connect to a load balancer of operators: private ranges alone, and it to its tasks by one port. */
export function operatorHttps(scope: Construct, { vpc, taskSecurityGroup, sources, port, words }: OperatorHttpsProps): SecurityGroup {
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
