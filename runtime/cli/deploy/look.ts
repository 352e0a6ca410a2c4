import { resolveNs } from 'node:dns/promises'
import { CloudFormationClient, paginateDescribeStacks, type Stack } from '@aws-sdk/client-cloudformation'
import { DescribeTableCommand, DynamoDBClient, GetResourcePolicyCommand } from '@aws-sdk/client-dynamodb'
import { KMSClient } from '@aws-sdk/client-kms'
import { GetHostedZoneCommand, Route53Client } from '@aws-sdk/client-route-53'
import type { PlannedStack } from '../../../config/deploy-order.ts'
import { sharedNames } from '../../../config/names.ts'
import { controlRegionOf, type Deployment } from '../../../config/schema.ts'
import { kmsPublicJwk } from '../../identity/kms-signer.ts'
import { readPointers } from '../../state/pointers.ts'
import type { Access } from './access.ts'
import { type Facts, type PlaceFacts, placeKey, type RegionFacts } from './facts.ts'

export interface LookOptions {
  deployment: Deployment
  plan: readonly PlannedStack[]
  selected: readonly PlannedStack[]
  access: Access
  /** Name servers that a domain is delegated to. Default: by public DNS. */
  delegatedTo?: (domain: string) => Promise<readonly string[]>
}

/** Looks at what the selected stacks need, and at no other region: one that is lost must not keep the others from being deployed. */
export async function look({ deployment, plan, selected, access, delegatedTo = publicNameServers }: LookOptions): Promise<Facts> {
  const { accounts, homeRegion, domain, hostedZoneId } = deployment
  const needed = new Set(selected.flatMap(({ name, needs, joins }) => [name, ...needs, ...joins]))
  const places = new Map(plan.filter(({ name }) => needed.has(name)).map((stack) => [placeKey(stack), stack]))
  const gateways = selected.filter(({ kind }) => kind === 'gateway')
  const asks = (...kinds: PlannedStack['kind'][]) => selected.some(({ kind }) => kinds.includes(kind))
  const [placeFacts, regions, signingKid, replicas, nameServers] = await Promise.all([
    Promise.all([...places].map(async ([key, place]) => [key, await placeFactsOf(access, place)] as const)),
    Promise.all(gateways.map(async (stack) => [stack.region, await regionFactsOf(access, deployment, stack)] as const)),
    asks('gateway') ? orAbsent(signingKidOf(access, deployment)) : undefined,
    asks('global-state') ? orAbsent(replicasOf(access, accounts.workload, homeRegion, sharedNames(deployment).globalTable)) : undefined,
    asks('gateway', 'routing') ? nameServersNow() : undefined,
  ])
  return {
    places: new Map(placeFacts),
    regions: new Map(regions),
    ...(signingKid !== undefined && { signingKid }),
    ...(replicas !== undefined && { replicas }),
    ...(nameServers !== undefined && { nameServers }),
  }

  async function nameServersNow() {
    const [zone, delegated] = await Promise.all([
      hostedZoneId === undefined ? undefined : orAbsent(nameServersOf(access, accounts.workload, hostedZoneId)),
      delegatedTo(domain),
    ])
    return { zone, delegated: delegated.map((server) => server.toLowerCase()) }
  }
}

/** Name servers of a hosted zone, in lower case and without a dot at the end. Route 53 has one endpoint for all regions. */
export async function nameServersOf(access: Access, account: string, hostedZoneId: string): Promise<string[]> {
  const client = new Route53Client(await access(account, 'us-east-1'))
  const { DelegationSet } = await client.send(new GetHostedZoneCommand({ Id: hostedZoneId }))
  return (DelegationSet?.NameServers ?? []).map((server) => server.toLowerCase().replace(/\.$/, ''))
}

/** Regions where the global table is, its own first. @throws when it is nowhere, or about to change */
export async function replicasOf(access: Access, account: string, homeRegion: string, table: string): Promise<string[]> {
  const client = new DynamoDBClient(await access(account, homeRegion))
  const { Table } = await client.send(new DescribeTableCommand({ TableName: table }))
  const replicas = Table?.Replicas ?? []
  // Half a list would make the next deploy add or remove what it must not.
  const changing = replicas.find(({ ReplicaStatus }) => ReplicaStatus !== 'ACTIVE')
  if (changing !== undefined) throw new Error(`the replica of ${table} in ${changing.RegionName} is ${changing.ReplicaStatus}; wait for it`)
  const others = replicas.flatMap(({ RegionName }) => RegionName ?? []).filter((region) => region !== homeRegion)
  return [homeRegion, ...others.sort()]
}

async function placeFactsOf(access: Access, { account, region }: PlannedStack): Promise<PlaceFacts> {
  try {
    const client = new CloudFormationClient(await access(account, region))
    const found: Stack[] = []
    for await (const { Stacks = [] } of paginateDescribeStacks({ client }, {})) found.push(...Stacks)
    const version = found
      .find(({ StackName }) => StackName === 'CDKToolkit')
      ?.Outputs?.find(({ OutputKey }) => OutputKey === 'BootstrapVersion')
    return {
      bootstrap: version?.OutputValue === undefined ? undefined : Number(version.OutputValue),
      stacks: new Map(found.map(({ StackName, StackStatus }) => [StackName ?? '', StackStatus ?? ''])),
    }
  } catch (error) {
    const why = (error as Error).message.split('\n', 1)[0] ?? ''
    return { fault: why.startsWith('no way into') ? why : `${account}/${region} does not tell its stacks: ${why}` }
  }
}

async function regionFactsOf(access: Access, deployment: Deployment, { account, region }: PlannedStack): Promise<RegionFacts> {
  const { globalTable } = sharedNames(deployment)
  try {
    const dynamodb = new DynamoDBClient(await access(account, region))
    const [published, takesPublisher] = await Promise.all([
      orFalse(readPointers(dynamodb, globalTable, region, RING).then(({ stable }) => stable !== undefined)),
      orFalse(hasPolicy(dynamodb, `arn:aws:dynamodb:${region}:${account}:table/${globalTable}`)),
    ])
    return { published, takesPublisher }
  } catch (error) {
    return { fault: `cannot be looked at: ${(error as Error).message.split('\n', 1)[0]}` }
  }
}

/** The ring that gateways are deployed with. */
const RING = 'stable'

async function hasPolicy(client: DynamoDBClient, ResourceArn: string): Promise<boolean> {
  const { Policy } = await client.send(new GetResourcePolicyCommand({ ResourceArn }))
  return Policy !== undefined
}

async function signingKidOf(access: Access, deployment: Deployment): Promise<string | undefined> {
  const { kid } = await kmsPublicJwk(
    new KMSClient(await access(deployment.accounts.control, controlRegionOf(deployment))),
    sharedNames(deployment).bundleSigningKey,
  )
  return kid
}

const NOT_THERE = new Set(['ResourceNotFoundException', 'PolicyNotFoundException'])

/** What is not there is a fact; that we could not look is not. */
async function orFalse(asked: Promise<boolean>): Promise<boolean> {
  return await asked.catch((error: Error) => {
    if (NOT_THERE.has(error.name)) return false
    throw error
  })
}

/** What cannot be known here is told as the stack or account that is missing. */
async function orAbsent<T>(asked: Promise<T>): Promise<T | undefined> {
  return await asked.catch(() => undefined)
}

async function publicNameServers(domain: string): Promise<readonly string[]> {
  return await resolveNs(domain).catch(() => [])
}
