import { PublishCommand, type SNSClient } from '@aws-sdk/client-sns'
import { noticeBody } from './notice.ts'
import { DeliveryError, type NoticeTarget } from './notifier.ts'

/** A message on an SNS topic of the region; tool and risk are also attributes, for subscription filters. */
export function snsTarget({
  topicArn,
  linkOf,
  client,
}: {
  topicArn: string
  linkOf: (id: string) => string
  client: SNSClient
}): NoticeTarget {
  return {
    name: 'sns',
    async deliver(notice) {
      const body = noticeBody(notice, linkOf(notice.id))
      const attribute = (value: string) => ({ DataType: 'String', StringValue: value })
      const message = new PublishCommand({
        TopicArn: topicArn,
        Subject: 'Aegis: approval needed',
        Message: JSON.stringify(body),
        MessageAttributes: {
          kind: attribute(body.kind),
          tenant: attribute(body.tenant),
          tool: attribute(body.tool),
          risk: attribute(body.risk),
        },
      })
      await client.send(message).catch((error) => {
        throw new DeliveryError(`SNS answered ${error instanceof Error ? error.name : 'nothing'}`, { again: true })
      })
    },
  }
}
