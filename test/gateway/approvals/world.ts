import { sign } from 'node:crypto'
import type { OperatorEvent } from '../../../runtime/evidence/event.ts'
import { agentApprovals } from '../../../runtime/gateway/approvals/collect.ts'
import { type ApprovalRequest, approvalDesk } from '../../../runtime/gateway/approvals/desk.ts'
import type { Notice } from '../../../runtime/gateway/approvals/notice.ts'
import { approvalReview } from '../../../runtime/gateway/approvals/review.ts'
import type { Said } from '../../../runtime/gateway/approvals/ruling.ts'
import type { Operator, OperatorRole } from '../../../runtime/identity/operator-token.ts'
import type { Principal } from '../../../runtime/model/call.ts'
import type { Signer } from '../../../runtime/model/ports.ts'
import { type Approvals, regionalApprovals } from '../../../runtime/state/approvals.ts'
import { testTables } from '../../support/dynamodb.ts'
import { type TestKey, testKey } from '../../support/tokens.ts'

export const REGION = 'eu-west-1'
export const ELSEWHERE = 'eu-central-1'
export const DIGEST = 'a'.repeat(64)
export const NO_WORDS: Said = { reason: null, terms: undefined }
const urls = new Map([REGION, ELSEWHERE].map((region) => [region, `https://${region}.aegis.example`]))
export const regionUrl = (region: string) => urls.get(region)

export function testSigner({ privateKey, publicJwk }: TestKey): Signer {
  return { keyId: publicJwk.kid, sign: async (message) => sign('sha256', message, { key: privateKey, dsaEncoding: 'ieee-p1363' }) }
}

export const keySigner = (key: TestKey) => ({ ...testSigner(key), publicJwk: key.publicJwk })

export const principal: Principal = {
  agentId: 'finance-agent',
  tenant: 'acme-eu',
  zone: 'eu',
  binding: 'zone',
  tokenId: 'token-1',
  issuerRegion: REGION,
  keyId: 'key-1',
  expiresAt: 0,
}

export const request: ApprovalRequest = {
  tenant: 'acme-eu',
  agent: 'finance-agent',
  requester: principal,
  tool: 'stripe-payments',
  action: 'create_payment',
  risk: 'high',
  digest: DIGEST,
  arguments: { amount: 600000, currency: 'eur' },
  destination: { zone: 'eu', region: REGION, endpoint: 'https://payments.example' },
  chain: 'chn.eu-west-1.x.y',
  rules: ['max_amount'],
  roles: ['approver'],
  minApprovers: 1,
  ttlS: 900,
  policyVersion: 'rev-1',
  reasons: [{ code: 'amount_over_limit', message: 'over the limit', rule: 'max_amount' }],
  exported: null,
}

export const exportRequest: ApprovalRequest = {
  ...request,
  digest: 'b'.repeat(64),
  tool: 'email',
  action: 'send',
  rules: ['residency_export'],
  roles: ['dpo'],
  destination: { zone: 'us', region: 'us-east-1', endpoint: 'https://mail.example' },
  exported: { classes: ['health_record'], source: REGION, destinationZone: 'us', destinationRegion: 'us-east-1', records: 2 },
}
export const TERMS: Said = { reason: null, terms: { legalBasis: 'GDPR Art. 49(1)(f)', recordLimit: 5 } }

export function person(sub: string, roles: readonly OperatorRole[] = ['approver'], tenants = ['acme-eu']): Operator {
  return { iss: 'https://login.aegis.example', sub, tenants, roles }
}

/** One region's approvals over a real table engine, with a clock that the test moves. */
export async function approvalWorld() {
  const tables = await testTables('approvals')
  const approvalKey = await testKey()
  const dataProtection = await testKey()
  const events: OperatorEvent[] = []
  const notices: Notice[] = []
  const officers: string[] = []
  let ahead = 0
  const clock = { now: () => Date.now() + ahead, monotonic: () => performance.now() + ahead }
  const approvals: Approvals = regionalApprovals(tables.client, 'approvals')
  const log = { write: async (event: OperatorEvent) => void events.push(event) }
  const key = async () => keySigner(approvalKey)
  const common = { region: REGION, regionUrl, approvals, key, events: log, clock }
  const signers = {
    approvalKey: key,
    dataProtectionKey: {
      signerFor: async (officer: string) => {
        officers.push(officer)
        return testSigner(dataProtection)
      },
    },
    zone: 'eu',
  }
  return {
    tables,
    approvals,
    approvalKey,
    dataProtection,
    events,
    notices,
    officers,
    clock,
    log,
    pass: (ms: number) => {
      ahead += ms
    },
    desk: approvalDesk({ ...common, notify: (notice) => void notices.push(notice) }),
    agents: agentApprovals({ ...common, pollMs: 20 }),
    review: approvalReview({ ...common, signers, tenants: () => ['acme-eu', 'clinic-eu'] }),
    kinds: () => events.map(({ kind }) => kind),
    close: () => tables.close(),
  }
}
export type ApprovalWorld = Awaited<ReturnType<typeof approvalWorld>>

export async function codeOf(promise: Promise<unknown>): Promise<string> {
  try {
    await promise
    return 'accepted'
  } catch (error) {
    return (error as { code?: string }).code ?? (error as Error).name
  }
}
