import {
  type AttributeValue,
  ConditionalCheckFailedException,
  DeleteItemCommand,
  type DynamoDBClient,
  GetItemCommand,
  PutItemCommand,
  QueryCommand,
  UpdateItemCommand,
} from '@aws-sdk/client-dynamodb'
import { AegisError } from '../model/codes.ts'
import { type Approval, type ApprovalStatus, approvalItem, approvalOf, type Decided, decidedText } from './approval-item.ts'

/** The region's own table of approvals. Each is one item, and every step of its life one conditional write of that item. */
export interface Approvals {
  /** Consistent. @returns undefined when there is none of this id in the tenant */
  get(tenant: string, id: string): Promise<Approval | undefined>
  /** A tenant's approvals that are still kept, of one status now or of all, at most `limit`, in no order. */
  list(tenant: string, wanted: { status: ApprovalStatus | undefined; nowMs: number; limit: number }): Promise<Approval[]>
  /** Which approval this exact call of this agent was last paused for. */
  pointer(call: ExactCall): Promise<string | undefined>
  create(approval: Approval): Promise<void>
  /** Points the call at a new approval. @returns false when another one was pointed at meanwhile: `former` no longer stands there */
  point(approval: Approval, former: string | undefined): Promise<boolean>
  /** Takes back an approval that nobody was told of. */
  withdraw(approval: Approval): Promise<void>
  /**
   * Writes a decision over exactly the version that it was made on.
   * @returns false when the item has changed meanwhile, or is past its end
   */
  decide(approval: Approval, decided: Decided, nowMs: number): Promise<boolean>
  /** Reflects in the item that its time is over. @returns true for the one who wrote it */
  expire(approval: Approval, nowMs: number): Promise<boolean>
  /**
   * Uses an approval up. Only one caller is ever told `consumed`.
   * @param by names this attempt: its own lost answer, asked again, is still its own
   * @returns `refused` when the condition failed, `unknown` when no answer came: the write may or may not stand
   */
  consume(override: ExactCall & { id: string; expiresAtMs: number }, by: string, nowMs: number): Promise<Consumed>
}

export interface ExactCall {
  tenant: string
  agent: string
  digest: string
}

export type Consumed = 'consumed' | 'refused' | 'unknown'

/** All operations but `consume` throw AegisError state_unavailable when the table does not answer. */
export function regionalApprovals(client: DynamoDBClient, table: string): Approvals {
  const update = (approval: Approval, changed: Change) =>
    conditionally(
      client.send(
        new UpdateItemCommand({
          TableName: table,
          Key: keyOf(approval.tenant, approval.id),
          ...changed,
          ExpressionAttributeNames: { '#status': 'status' },
        }),
      ),
    )

  return {
    async get(tenant, id) {
      const { Item } = await answered(client.send(new GetItemCommand({ TableName: table, Key: keyOf(tenant, id), ConsistentRead: true })))
      const found = Item === undefined ? undefined : approvalOf(Item)
      return found?.tenant === tenant && found.id === id ? found : undefined
    },

    async list(tenant, { status, nowMs, limit }) {
      const found: Approval[] = []
      const filter = status === undefined ? undefined : filterOf(status, nowMs)
      let from: Record<string, AttributeValue> | undefined
      do {
        const query = new QueryCommand({
          TableName: table,
          KeyConditionExpression: 'pk = :pk AND begins_with(sk, :sk)',
          ...filter,
          ExpressionAttributeValues: { ':pk': { S: `tenant#${tenant}` }, ':sk': { S: 'approval#' }, ...filter?.ExpressionAttributeValues },
          ConsistentRead: true,
          ...(from !== undefined && { ExclusiveStartKey: from }),
        })
        const page = await answered(client.send(query))
        found.push(...(page.Items ?? []).map(approvalOf))
        from = page.LastEvaluatedKey
      } while (from !== undefined && found.length < limit)
      return found.slice(0, limit)
    },

    async pointer(call) {
      const { Item } = await answered(client.send(new GetItemCommand({ TableName: table, Key: pointerKey(call), ConsistentRead: true })))
      return Item?.approval?.S
    },

    async create(approval) {
      const Item = { ...keyOf(approval.tenant, approval.id), ...approvalItem(approval) }
      // The second half lets the SDK repeat a put whose answer was lost.
      const put = new PutItemCommand({
        TableName: table,
        Item,
        ConditionExpression: 'attribute_not_exists(pk) OR asked = :asked',
        ExpressionAttributeValues: { ':asked': Item.asked },
      })
      if (!(await conditionally(client.send(put)))) throw new AegisError('state_unavailable', 'another approval has this id')
    },

    point(approval, former) {
      return conditionally(
        client.send(
          new PutItemCommand({
            TableName: table,
            Item: { ...pointerKey(approval), approval: { S: approval.id }, ttl: ttlOf(approval) },
            ConditionExpression: `attribute_not_exists(pk) OR approval = :new${former === undefined ? '' : ' OR approval = :former'}`,
            ExpressionAttributeValues: { ':new': { S: approval.id }, ...(former !== undefined && { ':former': { S: former } }) },
          }),
        ),
      )
    },

    async withdraw(approval) {
      await conditionally(
        client.send(
          new DeleteItemCommand({
            TableName: table,
            Key: keyOf(approval.tenant, approval.id),
            ConditionExpression: 'version = :version',
            ExpressionAttributeValues: { ':version': number(approval.version) },
          }),
        ),
      )
    },

    decide(approval, { status, ...decided }, nowMs) {
      return update(approval, {
        UpdateExpression: 'SET #status = :to, version = :next, decided = :decided',
        ConditionExpression: '#status = :pending AND version = :version AND expires_at > :now',
        ExpressionAttributeValues: {
          ':to': { S: status },
          ':pending': { S: 'pending' },
          ':version': number(approval.version),
          ':next': number(approval.version + 1),
          ':now': number(nowMs),
          ':decided': decidedText(decided),
        },
      })
    },

    expire(approval, nowMs) {
      return update(approval, {
        UpdateExpression: 'SET #status = :to, version = :next',
        ConditionExpression: '#status IN (:pending, :approved) AND version = :version AND expires_at <= :now',
        ExpressionAttributeValues: {
          ':to': { S: 'expired' },
          ':pending': { S: 'pending' },
          ':approved': { S: 'approved' },
          ':version': number(approval.version),
          ':next': number(approval.version + 1),
          ':now': number(nowMs),
        },
      })
    },

    async consume({ tenant, agent, digest, id, expiresAtMs }, by, nowMs) {
      if (nowMs >= expiresAtMs) return 'refused'
      try {
        await client.send(
          new UpdateItemCommand({
            TableName: table,
            Key: keyOf(tenant, id),
            UpdateExpression: 'SET #status = :consumed, consumed_by = :by, consumed_at = :now',
            ConditionExpression:
              '(#status = :approved AND digest = :digest AND #agent = :agent AND expires_at > :now) OR (#status = :consumed AND consumed_by = :by)',
            ExpressionAttributeNames: { '#status': 'status', '#agent': 'agent' },
            ExpressionAttributeValues: {
              ':approved': { S: 'approved' },
              ':consumed': { S: 'consumed' },
              ':digest': { S: digest },
              ':agent': { S: agent },
              ':by': { S: by },
              ':now': number(nowMs),
            },
          }),
        )
        return 'consumed'
      } catch (error) {
        return error instanceof ConditionalCheckFailedException ? 'refused' : 'unknown'
      }
    },
  }
}

interface Change {
  UpdateExpression: string
  ConditionExpression: string
  ExpressionAttributeValues: Record<string, AttributeValue>
}

/** An item says pending or approved until somebody writes that its time is over. */
function filterOf(status: ApprovalStatus, nowMs: number) {
  const names = { ExpressionAttributeNames: { '#status': 'status' } }
  if (status === 'rejected' || status === 'consumed')
    return { ...names, FilterExpression: '#status = :wanted', ExpressionAttributeValues: { ':wanted': { S: status } } }
  const values = { ':wanted': { S: status }, ':now': number(nowMs) }
  if (status !== 'expired')
    return { ...names, FilterExpression: '#status = :wanted AND expires_at > :now', ExpressionAttributeValues: values }
  return {
    ...names,
    FilterExpression: '#status = :wanted OR (#status IN (:pending, :approved) AND expires_at <= :now)',
    ExpressionAttributeValues: { ...values, ':pending': { S: 'pending' }, ':approved': { S: 'approved' } },
  }
}

/** @returns false when the condition failed. @throws AegisError state_unavailable */
async function conditionally(written: Promise<unknown>): Promise<boolean> {
  try {
    await written
    return true
  } catch (error) {
    if (error instanceof ConditionalCheckFailedException) return false
    throw new AegisError('state_unavailable', undefined, { cause: error })
  }
}

async function answered<T>(asked: Promise<T>): Promise<T> {
  try {
    return await asked
  } catch (error) {
    throw new AegisError('state_unavailable', undefined, { cause: error })
  }
}

const number = (n: number) => ({ N: String(n) })
const keyOf = (tenant: string, id: string) => ({ pk: { S: `tenant#${tenant}` }, sk: { S: `approval#${id}` } })
const pointerKey = ({ tenant, digest, agent }: ExactCall) => ({ pk: { S: `tenant#${tenant}` }, sk: { S: `pending#${digest}#${agent}` } })
const ttlOf = ({ expiresAtMs }: Approval) => number(Math.ceil(expiresAtMs / 1000))
