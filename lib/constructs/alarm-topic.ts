import { PolicyStatement, ServicePrincipal } from 'aws-cdk-lib/aws-iam'
import { Topic } from 'aws-cdk-lib/aws-sns'
import { EmailSubscription } from 'aws-cdk-lib/aws-sns-subscriptions'
import { Construct } from 'constructs'
import { acknowledge, inStandards } from '../nag/acknowledge.ts'

export interface AlarmTopicProps {
  readonly topicName: string
  readonly account: string
  /** Each address confirms its subscription once. */
  readonly emails: readonly string[]
  /**
   * AWS services that may publish, beside CloudWatch.
   * @default none
   */
  readonly publishers?: readonly string[]
}

/** Where alarms are heard: subscribe a pager to it. */
export class AlarmTopic extends Construct {
  readonly topic: Topic

  constructor(scope: Construct, id: string, { topicName, account, emails, publishers = [] }: AlarmTopicProps) {
    super(scope, id)
    this.topic = new Topic(this, 'Topic', { topicName, enforceSSL: true })
    acknowledge(
      this.topic,
      inStandards({
        SNSEncryptedKMS:
          "a notice says a region's name and a number, SNS encrypts its disks, and a key whose policy fails CloudWatch would silence every alarm",
      }),
    )
    for (const service of ['cloudwatch.amazonaws.com', ...publishers]) {
      this.topic.addToResourcePolicy(
        new PolicyStatement({
          sid: `${service.split('.')[0]}Publishes`,
          principals: [new ServicePrincipal(service)],
          actions: ['sns:Publish'],
          resources: [this.topic.topicArn],
          // Without it anybody's alarm, in any account, could ring here.
          conditions: { StringEquals: { 'aws:SourceAccount': account } },
        }),
      )
    }
    for (const email of emails) this.topic.addSubscription(new EmailSubscription(email))
  }
}
