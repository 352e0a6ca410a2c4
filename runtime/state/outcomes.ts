import {
  ConditionalCheckFailedException,
  type DynamoDBClient,
  GetItemCommand,
  PutItemCommand,
  QueryCommand,
} from '@aws-sdk/client-dynamodb'
import { z } from 'zod'

/** What an agent says became of a call that another process of the region decided. */
export interface ReportedOutcome {
  decisionId: string
  agentId: string
  tenant: string
  status: 'executed' | 'not_executed'
  /** Absent: all that was reserved. */
  cost: number | undefined
}

/** Reports on their way between the processes of a region, in its own table. */
export interface Outcomes {
  /** Writes a report down, once for an agent and decision. @returns the one that stands: this or an earlier one */
  claim(report: ReportedOutcome, nowMs: number): Promise<ReportedOutcome>
  /** Puts a report into the mailbox of the process that made the reservation. */
  tell(node: string, report: ReportedOutcome, nowMs: number): Promise<void>
  /** What the mailbox of a process holds since then, by the clocks of those that told it. */
  toldTo(node: string, sinceMs: number): Promise<readonly ReportedOutcome[]>
}

const KEPT_MS = 86_400_000

export function regionalOutcomes(client: DynamoDBClient, table: string, { timeoutMs = 1000 } = {}): Outcomes {
  const signal = () => ({ abortSignal: AbortSignal.timeout(timeoutMs) })
  const ttl = (nowMs: number) => ({ ttl: { N: String(Math.floor((nowMs + KEPT_MS) / 1000)) } })

  return {
    async claim(report, nowMs) {
      // The agent is part of the key: nobody else can take its place by reporting first.
      const Key = { pk: { S: `outcome#${report.decisionId}` }, sk: { S: `${report.tenant}#${report.agentId}` } }
      try {
        const Item = { ...Key, ...outcomeItem(report), ...ttl(nowMs) }
        await client.send(new PutItemCommand({ TableName: table, Item, ConditionExpression: 'attribute_not_exists(pk)' }), signal())
        return report
      } catch (error) {
        if (!(error instanceof ConditionalCheckFailedException)) throw error
      }
      const { Item } = await client.send(new GetItemCommand({ TableName: table, Key, ConsistentRead: true }), signal())
      return schema.parse(Item)
    },
    async tell(node, report, nowMs) {
      const Key = { pk: { S: `outcomes#${node}` }, sk: { S: `${timeKey(nowMs)}#${report.decisionId}#${report.agentId}` } }
      await client.send(new PutItemCommand({ TableName: table, Item: { ...Key, ...outcomeItem(report), ...ttl(nowMs) } }), signal())
    },
    async toldTo(node, sinceMs) {
      const { Items } = await client.send(
        new QueryCommand({
          TableName: table,
          ConsistentRead: true,
          KeyConditionExpression: 'pk = :pk AND sk >= :since',
          ExpressionAttributeValues: { ':pk': { S: `outcomes#${node}` }, ':since': { S: timeKey(sinceMs) } },
        }),
        signal(),
      )
      return (Items ?? []).flatMap((item) => {
        const parsed = schema.safeParse(item)
        return parsed.success ? [parsed.data] : []
      })
    },
  }
}

/** Sorts as text as the number does. */
const timeKey = (ms: number) => String(Math.max(0, Math.floor(ms))).padStart(15, '0')

function outcomeItem({ decisionId, agentId, tenant, status, cost }: ReportedOutcome) {
  return {
    decision_id: { S: decisionId },
    agent: { S: agentId },
    tenant: { S: tenant },
    outcome: { S: status },
    ...(cost !== undefined && { cost: { N: String(cost) } }),
  }
}

const string = z.object({ S: z.string() }).transform(({ S }) => S)
const schema = z
  .object({
    decision_id: string,
    agent: string,
    tenant: string,
    outcome: z.object({ S: z.enum(['executed', 'not_executed']) }).transform(({ S }) => S),
    cost: z
      .object({ N: z.string() })
      .transform(({ N }) => Number(N))
      .optional(),
  })
  .transform(
    ({ decision_id, agent, tenant, outcome, cost }): ReportedOutcome => ({
      decisionId: decision_id,
      agentId: agent,
      tenant,
      status: outcome,
      cost,
    }),
  )
