import type { SNSClient } from '@aws-sdk/client-sns'
import type { Clock } from '../../model/ports.ts'
import type { NoticeTarget, Send } from './notifier.ts'
import { slackTarget } from './slack.ts'
import { snsTarget } from './sns.ts'
import { webhookTarget } from './webhook.ts'

/** A channel as the configuration names it. */
export type TargetConfig =
  | { kind: 'webhook'; url: string; key: string; secret: string }
  | { kind: 'slack'; url: string }
  | { kind: 'sns'; topic_arn: string }

export interface TargetParts {
  /** Where an operator of this region looks at an approval. */
  linkOf: (id: string) => string
  send: Send
  /** Made only where a topic is configured. */
  sns: () => SNSClient
  clock: Clock
}

export function noticeTargets(configured: readonly TargetConfig[], { linkOf, send, sns, clock }: TargetParts): NoticeTarget[] {
  return configured.map((target) => {
    if (target.kind === 'webhook') return webhookTarget({ ...target, linkOf, send, clock })
    if (target.kind === 'slack') return slackTarget({ url: target.url, linkOf, send })
    return snsTarget({ topicArn: target.topic_arn, linkOf, client: sns() })
  })
}
