import type { DynamoDBClient } from '@aws-sdk/client-dynamodb'
import type { KMSClient } from '@aws-sdk/client-kms'
import { SNSClient } from '@aws-sdk/client-sns'
import type { STSClient } from '@aws-sdk/client-sts'
import type { EventLog } from '../../evidence/event.ts'
import { type DataProtectionKeyOptions, dataProtectionKey } from '../../identity/data-protection-signer.ts'
import { kmsPublicJwk, kmsSigner } from '../../identity/kms-signer.ts'
import { lazily } from '../../model/lazily.ts'
import type { Clock } from '../../model/ports.ts'
import { regionalApprovals } from '../../state/approvals.ts'
import type { ActivePolicy } from '../active-policy.ts'
import type { GatewayConfig } from '../config.ts'
import type { ExportGate } from '../stages/guard.ts'
import { type AgentApprovals, agentApprovals } from './collect.ts'
import { type ApprovalDesk, approvalDesk } from './desk.ts'
import { exportGate } from './export-gate.ts'
import { type NoticeCounts, notifier, type Send } from './notifier.ts'
import { type ApprovalReview, approvalReview } from './review.ts'
import { noticeTargets } from './targets.ts'

export interface ApprovalSurroundings {
  dynamodb: DynamoDBClient
  kms: KMSClient
  sts: STSClient
  kmsAs?: DataProtectionKeyOptions['kmsAs']
  clock: Clock
  active: () => ActivePolicy | undefined
  regionUrl: (region: string) => string | undefined
  events: EventLog
  send: Send
  log: (event: object) => void
}

/** Everything about approvals, as one gateway has it. */
export interface ApprovalParts {
  desk: ApprovalDesk
  agents: AgentApprovals
  review: ApprovalReview
  exports: ExportGate
  notices(): Readonly<NoticeCounts>
  close(): Promise<void>
}

export function approvalParts(config: GatewayConfig, around: ApprovalSurroundings): ApprovalParts {
  const { kms, sts, kmsAs, clock, active, regionUrl, events, send, log } = around
  const { region, zone, keys } = config
  const approvals = regionalApprovals(around.dynamodb, config.approvalsTable)
  // A key that is away at the start is asked for again by the next approval; calls that need none do not wait for it.
  const approvalKey = lazily(() => kmsSigner(kms, keys.approval))
  const notices = notifier({
    targets: noticeTargets(config.notify, {
      linkOf: (id) => `${config.operatorUrl}/v1/approvals/${id}`,
      send,
      sns: () => new SNSClient({ maxAttempts: 2 }),
      clock,
    }),
    clock,
    log,
  })
  return {
    desk: approvalDesk({ region, regionUrl, approvals, key: approvalKey, notify: notices.notify, clock }),
    agents: agentApprovals({ region, regionUrl, approvals, key: approvalKey, events, clock }),
    review: approvalReview({
      region,
      regionUrl,
      approvals,
      signers: {
        approvalKey,
        dataProtectionKey: dataProtectionKey({
          sts,
          region,
          roleArn: config.dataProtectionRole,
          keyId: keys.dataProtection,
          ...(kmsAs && { kmsAs }),
        }),
        zone,
      },
      events,
      clock,
      tenants: () => [...(active()?.tenants.keys() ?? [])],
    }),
    exports: exportGate({
      place: { region, zone },
      approvalKey: async () => (await approvalKey()).publicJwk,
      dataProtectionKey: lazily(() => kmsPublicJwk(kms, keys.dataProtection)),
      clock,
    }),
    notices: notices.counts,
    close: notices.close,
  }
}
