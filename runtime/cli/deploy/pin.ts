import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { dirname, join, relative } from 'node:path'
import { fileURLToPath } from 'node:url'
import { CloudFormationClient, DescribeStackResourceCommand } from '@aws-sdk/client-cloudformation'
import { KMSClient } from '@aws-sdk/client-kms'
import { sharedNames, stackNames } from '../../../config/names.ts'
import { loadPinned, type Pinned, pinnedPath } from '../../../config/pinned.ts'
import type { Deployment } from '../../../config/schema.ts'
import { loadTrustRoot, type TrustRoot } from '../../../config/trust.ts'
import { kmsPublicJwk } from '../../identity/kms-signer.ts'
import { publicJwk } from '../../policy/trust.ts'
import { CommandError, EXIT, type ExitCode } from '../exit-codes.ts'
import { type Access, openAccess } from './access.ts'
import { nameServersOf, replicasOf } from './look.ts'
import { mergeTrust, zoneRefusal } from './pins.ts'
import { refuseUnready } from './preflight.ts'

export interface PinOptions {
  deployment: Deployment
  /** Id, ARN or alias of the key that will sign after the present one. */
  next?: string | undefined
  /** Drop what is pinned and not there any more. */
  replace: boolean
  /** Default: `config` of this clone. */
  configFolder?: string
  access?: Access
}

/**
 * `aegis pin`: what AWS made up, written into `config/` for the next synth: public keys of the control plane, the hosted zone's id, the regions of the
 * global table. Each is pinned as soon as its stack is there.
 * @returns failed while one of them is missing
 * @throws CommandError when a pinned value would be lost
 */
export async function pin(options: PinOptions, out: (line: string) => void): Promise<ExitCode> {
  const { deployment, replace, configFolder = CONFIG_FOLDER } = options
  refuseUnready(deployment)
  const access = options.access ?? (await openAccess(deployment.homeRegion))
  const names = stackNames(deployment)
  const missing: string[] = []
  const asked = async <T>(what: string, stack: string, question: Promise<T>): Promise<T | undefined> =>
    await question.catch((error: Error) => {
      if (error instanceof CommandError) throw error
      missing.push(`not pinned: ${what}: ${error.message.split('\n', 1)[0]} (it comes with ${stack})`)
      return undefined
    })
  const [keys, zone, replicas] = await Promise.all([
    asked('the key that signs bundles', names.controlPlane, signingKeys(access, options)),
    deployment.hostedZone === 'imported' ? undefined : asked('the hosted zone', names.dns, hostedZoneOf(access, deployment)),
    asked(
      'the regions of the global table',
      names.globalState,
      replicasOf(access, deployment.accounts.workload, deployment.homeRegion, sharedNames(deployment).globalTable),
    ),
  ])
  // Both are decided before either is written: a refusal leaves everything as it was.
  const trust = keys && trustOf(keys, options, configFolder)
  const pinned = pinnedOf(deployment, { zone, replicas }, replace, configFolder)
  const written: string[] = []
  if (trust !== undefined) {
    const path = `${configFolder}/trust/${deployment.environment}.json`
    for (const kid of trust.added) out(`a key that gateways will believe: ${kid}`)
    for (const kid of trust.dropped) out(`NO LONGER BELIEVED: ${kid}`)
    if (writeJson(path, { keys: trust.keys })) written.push(path)
  }
  if (Object.keys(pinned).length > 0) {
    const path = pinnedPath(`${configFolder}/pinned`, deployment.environment)
    if (writeJson(path, pinned)) written.push(path)
    if (zone !== undefined) out(`hosted zone of ${deployment.domain}: ${zone.id}; let its parent zone name ${zone.nameServers.join(', ')}`)
    if (pinned.deployedReplicas !== undefined) out(`the global table is in ${pinned.deployedReplicas.join(', ')}`)
  }
  for (const line of missing) out(line)
  const shown = written.map((path) => relative(join(configFolder, '..'), path)).join(' ')
  out(written.length === 0 ? 'nothing to write' : `wrote ${shown}: look at them, then git add ${shown}, and commit`)
  return missing.length === 0 ? EXIT.held : EXIT.failed
}

const CONFIG_FOLDER = fileURLToPath(new URL('../../../config', import.meta.url))

async function signingKeys(access: Access, { deployment, next }: PinOptions) {
  const read = async (key: string) => {
    // A key of another region is named by its ARN: the one of a control plane that could be rebuilt there.
    const region = /^arn:[^:]+:kms:([^:]+):/.exec(key)?.[1] ?? deployment.homeRegion
    const client = new KMSClient(await access(deployment.accounts.control, region))
    const { kty, crv, kid, x, y, alg, use } = publicJwk.parse(await kmsPublicJwk(client, key))
    return { kty, crv, kid, x, y, alg, use }
  }
  return { current: await read(sharedNames(deployment).bundleSigningKey), next: next === undefined ? undefined : await read(next) }
}

async function hostedZoneOf(access: Access, deployment: Deployment): Promise<HostedZone> {
  const client = new CloudFormationClient(await access(deployment.accounts.workload, deployment.routingRegion))
  const asked = { StackName: stackNames(deployment).dns, LogicalResourceId: HOSTED_ZONE }
  const { StackResourceDetail } = await client.send(new DescribeStackResourceCommand(asked))
  const id = StackResourceDetail?.PhysicalResourceId?.replace('/hostedzone/', '')
  if (id === undefined || !/^Z[A-Z0-9]{5,31}$/.test(id)) throw new Error(`${asked.StackName} has no hosted zone yet`)
  return { id, nameServers: await nameServersOf(access, deployment.accounts.workload, id) }
}

interface HostedZone {
  id: string
  nameServers: readonly string[]
}

/** Logical id in the dns stack, where it is pinned. */
const HOSTED_ZONE = 'HostedZone'

function trustOf({ current, next }: Awaited<ReturnType<typeof signingKeys>>, { deployment, replace }: PinOptions, configFolder: string) {
  const before: TrustRoot = loadTrustRoot(`${configFolder}/trust`, deployment.environment)
  const merged = mergeTrust({ before, current, next, replace })
  if ('refusal' in merged) throw new CommandError(`config/trust/${deployment.environment}.json: ${merged.refusal}`)
  return merged
}

function pinnedOf(
  { environment }: Deployment,
  { zone, replicas }: { zone: HostedZone | undefined; replicas: string[] | undefined },
  replace: boolean,
  configFolder: string,
): Pinned {
  const before = loadPinned(`${configFolder}/pinned`, environment)
  const refusal = zone === undefined ? undefined : zoneRefusal(before.hostedZoneId, zone.id, replace)
  if (refusal !== undefined) throw new CommandError(`config/pinned/${environment}.json: ${refusal}`)
  // Where the table is, is no decision of anybody's: what is there now counts.
  return { ...before, ...(zone !== undefined && { hostedZoneId: zone.id }), ...(replicas !== undefined && { deployedReplicas: replicas }) }
}

/** @returns whether the file has changed. Written aside and then put in its place, so that no synth reads half of it. */
function writeJson(path: string, value: object): boolean {
  const text = `${JSON.stringify(value, null, 2)}\n`
  if (existsSync(path) && readFileSync(path, 'utf8') === text) return false
  mkdirSync(dirname(path), { recursive: true })
  writeFileSync(`${path}.new`, text)
  renameSync(`${path}.new`, path)
  return true
}
