import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { type DynamoDBClient, PutItemCommand, ScanCommand } from '@aws-sdk/client-dynamodb'
import { GetPublicKeyCommand } from '@aws-sdk/client-kms'
import { afterEach, expect, test } from '@jest/globals'
import type { StoresConfigInput } from '../../../runtime/fabric/stores/config.ts'
import { type StoresStats, startStores } from '../../../runtime/fabric/stores/region-stores.ts'
import { cleanup, dynamo, eventually, kms, SECRET, table } from './support.ts'

const opened = cleanup()
const [EU, US] = ['eu-west-1', 'us-east-1']
const shared = table('global', [EU, US])
const replication = { secret: SECRET }
afterEach(() => opened.closeAll())

interface Ready {
  type: string
  url: string
  port: number
  pid: number
  error?: string
}

function forkStores(): ChildProcess {
  const child = fork(join(import.meta.dirname, '../../../runtime/fabric/stores/stores.ts'), [], {
    execArgv: [],
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
  })
  opened.onClose(async () => {
    if (child.exitCode !== null || child.signalCode !== null) return
    child.kill('SIGKILL')
    await once(child, 'exit')
  })
  return child
}

async function spawnStores(config: StoresConfigInput): Promise<{ child: ChildProcess; ready: Ready }> {
  const child = forkStores()
  child.send({ type: 'start', config })
  const [ready] = (await once(child, 'message')) as [Ready]
  return { child, ready }
}

async function command(child: ChildProcess, message: object): Promise<{ ok: boolean; result?: unknown; error?: string }> {
  child.send({ id: 7, ...message })
  const [reply] = await once(child, 'message')
  expect(reply).toMatchObject({ type: 'reply', id: 7 })
  return reply as { ok: boolean }
}

const item = (n: number) => ({ pk: { S: `item-${n}` }, sk: { S: 'x' }, n: { N: String(n) } })

async function everyItem(client: DynamoDBClient): Promise<Set<string | undefined>> {
  const { Items } = await client.send(new ScanCommand({ TableName: 'global', ConsistentRead: true }))
  return new Set(Items?.map(({ pk }) => pk?.S))
}

/** Kills a region while it acknowledges writes that its peers don't have yet, starts it again, and tells what is left where. */
async function killUnderLoad(dataDir: string | undefined) {
  const peer = opened.add(await startStores({ region: US, tables: [shared], replication }))
  const config: StoresConfigInput = { region: EU, tables: [shared], ...(dataDir === undefined ? {} : { dataDir }) }
  const withPeer = (lagMs: number) => ({ ...config, replication: { ...replication, peers: { [US]: peer.url }, lagMs } })
  const first = await spawnStores(withPeer(60_000))
  const writer = opened.add(dynamo(first.ready.url, EU))
  const acknowledged: string[] = []
  const load = Array.from({ length: 8 }, async (_, worker) => {
    for (let n = worker; ; n += 8) {
      await writer.send(new PutItemCommand({ TableName: 'global', Item: item(n) }))
      acknowledged.push(`item-${n}`)
    }
  })
  await eventually('100 writes are acknowledged', () => acknowledged.length >= 100)
  first.child.kill('SIGKILL')
  await Promise.allSettled(load)
  const survivor = opened.add(dynamo(peer.url, US))
  const seenBefore = (await everyItem(survivor)).size
  const second = await spawnStores(withPeer(0))
  const recovered = await everyItem(opened.add(dynamo(second.ready.url, EU)))
  return { acknowledged, seenBefore, lost: acknowledged.filter((pk) => !recovered.has(pk)), survivor }
}

test('a region killed under load comes back with every acknowledged write, and its peers get them', async () => {
  const { acknowledged, seenBefore, lost, survivor } = await killUnderLoad(await opened.folder())
  expect({ seenBefore, lost }).toEqual({ seenBefore: 0, lost: [] })
  await eventually('the peer has them too', async () => {
    const there = await everyItem(survivor)
    return acknowledged.every((pk) => there.has(pk))
  })
}, 30_000)

test('the check sees a fault: tables in memory lose what they acknowledged', async () => {
  const { lost } = await killUnderLoad(undefined)
  expect(lost.length).toBeGreaterThan(0)
}, 30_000)

test('answers its parent, and ends when asked to', async () => {
  const peer = opened.add(await startStores({ region: US, tables: [shared], replication }))
  const { child, ready } = await spawnStores({ region: EU, tables: [shared], replication })
  expect(ready).toMatchObject({ type: 'ready', region: EU, pid: child.pid })
  expect(await command(child, { command: 'setPeers', peers: { [US]: peer.url, [EU]: ready.url, 'sa-east-1': ready.url } })).toMatchObject({
    ok: true,
  })
  expect(await command(child, { command: 'pauseReplication', peer: US })).toMatchObject({ ok: true })
  await opened.add(dynamo(ready.url, EU)).send(new PutItemCommand({ TableName: 'global', Item: item(1) }))
  const { result } = await command(child, { command: 'stats' })
  expect((result as StoresStats).links).toMatchObject([{ peer: US, state: 'paused', pending: 1 }])
  expect(await command(child, { command: 'setLag', peer: US, lagMs: 1 })).toMatchObject({ ok: true })
  expect(await command(child, { command: 'resumeReplication', peer: US })).toMatchObject({ ok: true })
  await eventually('the item arrives', async () => (await everyItem(opened.add(dynamo(peer.url, US)))).has('item-1'))
  expect(await command(child, { command: 'pauseReplication', peer: 'sa-east-1' })).toMatchObject({ ok: false })
  expect(await command(child, { command: 'explode' })).toMatchObject({ ok: false })
  child.send({ id: 8, command: 'stop' })
  expect((await once(child, 'exit'))[0]).toBe(0)
})

test('starts cut off from the peers that it is told, until it may go on', async () => {
  const peer = opened.add(await startStores({ region: US, tables: [shared], replication }))
  const cut = { ...replication, peers: { [US]: peer.url }, paused: [US] }
  const { child, ready } = await spawnStores({ region: EU, tables: [shared], replication: cut })
  await opened.add(dynamo(ready.url, EU)).send(new PutItemCommand({ TableName: 'global', Item: item(1) }))
  const { result } = await command(child, { command: 'stats' })
  expect((result as StoresStats).links).toMatchObject([{ peer: US, state: 'paused', pending: 1 }])
  await command(child, { command: 'resumeReplication', peer: US })
  await eventually('the item arrives', async () => (await everyItem(opened.add(dynamo(peer.url, US)))).has('item-1'))
})

test('ends when its parent is gone', async () => {
  const { child } = await spawnStores({ region: EU, tables: [shared], replication })
  child.disconnect()
  expect((await once(child, 'exit'))[0]).toBe(0)
})

test('ends when its parent goes before it said anything', async () => {
  const child = forkStores()
  child.disconnect()
  expect((await once(child, 'exit'))[0]).toBe(0)
})

test('holds keys alone where there is nothing else', async () => {
  const { ready } = await spawnStores({ region: EU, keysDir: await opened.folder(), keys: ['alias/bundle-signing'] })
  const key = await opened.add(kms(ready.url, EU)).send(new GetPublicKeyCommand({ KeyId: 'alias/bundle-signing' }))
  expect(key.KeySpec).toBe('ECC_NIST_P256')
  await expect(opened.add(dynamo(ready.url, EU)).send(new ScanCommand({ TableName: 'global' }))).rejects.toMatchObject({
    name: 'UnknownOperationException',
  })
})

test('refuses a configuration with faults: one line, exit 2', async () => {
  const { child, ready } = await spawnStores({ region: EU, tables: [shared], buckets: ['Bad_Name'] })
  expect(ready.type).toBe('failed')
  expect(ready.error).toMatch(/buckets.0: is not a bucket name; buckets need a dataDir; global tables need replication.secret/)
  expect((await once(child, 'exit'))[0]).toBe(2)
})
