import { join, relative } from 'node:path'
import { fileURLToPath } from 'node:url'
import { CloudFormationClient, DescribeStackResourceCommand } from '@aws-sdk/client-cloudformation'
import { KMSClient } from '@aws-sdk/client-kms'
import { sharedNames, stackNames } from '../../../config/names.ts'
import { loadPinned, type Pinned, pinnedPath } from '../../../config/pinned.ts'
import { controlRegionOf, type Deployment } from '../../../config/schema.ts'
import { loadTrustRoot, type TrustRoot } from '../../../config/trust.ts'
import { kmsPublicJwk } from '../../identity/kms-signer.ts'
import { publicJwk } from '../../policy/trust.ts'
import { CommandError, EXIT, type ExitCode } from '../exit-codes.ts'
import { type Access, openAccess } from './access.ts'
import { nameServersOf, replicasOf } from './look.ts'
import { mergeTrust, zoneRefusal } from './pins.ts'
import { refuseUnready } from './preflight.ts'
import { putJson } from './put-json.ts'

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
  const access = options.access ?? (await openAccess(deployment.routingRegion))
  const names = stackNames(deployment)
  const missing: string[] = []
  const asked = async <T>(what: string, stack: string, question: Promise<T>): Promise<T | undefined> =>
    await question.catch((error: Error) => {
      if (error instanceof CommandError) throw error
      missing.push(`not pinned: ${what}: ${error.message.split('\n', 1)[0]} (it comes with ${stack})`)
      return undefined
    })
  const { control, workload } = deployment.accounts
  const [current, next, zone, controlZone, replicas] = await Promise.all([
    asked('the key that signs bundles', names.controlPlane, signingKey(access, deployment, controlRegionOf(deployment))),
    asked('the key that may sign next', names.controlPlaneStandby, nextKey(access, options)),
    deployment.hostedZone === 'imported'
      ? undefined
      : asked('the hosted zone', names.dns, hostedZoneOf(access, workload, deployment.routingRegion, names.dns, 'HostedZone')),
    asked(
      'the zone of the control plane',
      names.controlDns,
      hostedZoneOf(access, control, deployment.routingRegion, names.controlDns, 'ControlHostedZone'),
    ),
    asked(
      'the regions of the global table',
      names.globalState,
      replicasOf(access, deployment.accounts.workload, deployment.homeRegion, sharedNames(deployment).globalTable),
    ),
  ])
  // Both are decided before either is written: a refusal leaves everything as it was.
  const trust = current && trustOf({ current, next }, options, configFolder)
  const pinned = pinnedOf(deployment, { zone, controlZone, replicas }, replace, configFolder)
  const written: string[] = []
  if (trust !== undefined) {
    const path = `${configFolder}/trust/${deployment.environment}.json`
    for (const kid of trust.added) out(`a key that gateways will believe: ${kid}`)
    for (const kid of trust.dropped) out(`NO LONGER BELIEVED: ${kid}`)
    if (putJson(path, { keys: trust.keys })) written.push(path)
  }
  if (Object.keys(pinned).length > 0) {
    const path = pinnedPath(`${configFolder}/pinned`, deployment.environment)
    if (putJson(path, pinned)) written.push(path)
    if (zone !== undefined) out(`hosted zone of ${deployment.domain}: ${zone.id}; let its parent zone name ${zone.nameServers.join(', ')}`)
    if (pinned.deployedReplicas !== undefined) out(`the global table is in ${pinned.deployedReplicas.join(', ')}`)
  }
  for (const line of missing) out(line)
  const shown = written.map((path) => relative(join(configFolder, '..'), path)).join(' ')
  out(written.length === 0 ? 'nothing to write' : `wrote ${shown}: look at them, then git add ${shown}, and commit`)
  return missing.length === 0 ? EXIT.held : EXIT.failed
}

const CONFIG_FOLDER = fileURLToPath(new URL('../../../config', import.meta.url))

async function signingKey(access: Access, deployment: Deployment, region: string, key: string = sharedNames(deployment).bundleSigningKey) {
  const client = new KMSClient(await access(deployment.accounts.control, region))
  const { kty, crv, kid, x, y, alg, use } = publicJwk.parse(await kmsPublicJwk(client, key))
  return { kty, crv, kid, x, y, alg, use }
}

/** The one that was named; else the one that waits in the standby region, so that gateways believe a control plane that is rebuilt there. */
async function nextKey(access: Access, { deployment, next }: PinOptions) {
  // A key of another region is named by its ARN.
  if (next !== undefined) return signingKey(access, deployment, /^arn:[^:]+:kms:([^:]+):/.exec(next)?.[1] ?? deployment.homeRegion, next)
  const { standbyRegion, runsIn } = deployment.controlPlane
  return standbyRegion === undefined || runsIn === 'standby' ? undefined : signingKey(access, deployment, standbyRegion)
}

async function hostedZoneOf(access: Access, account: string, region: string, stack: string, logicalId: string): Promise<HostedZone> {
  const client = new CloudFormationClient(await access(account, region))
  const asked = { StackName: stack, LogicalResourceId: logicalId }
  const { StackResourceDetail } = await client.send(new DescribeStackResourceCommand(asked))
  const id = StackResourceDetail?.PhysicalResourceId?.replace('/hostedzone/', '')
  if (id === undefined || !/^Z[A-Z0-9]{5,31}$/.test(id)) throw new Error(`${stack} has no hosted zone yet`)
  return { id, nameServers: await nameServersOf(access, account, id) }
}

interface HostedZone {
  id: string
  nameServers: readonly string[]
}

type PublicKey = Awaited<ReturnType<typeof signingKey>>

function trustOf(
  { current, next }: { current: PublicKey; next: PublicKey | undefined },
  { deployment, replace }: PinOptions,
  configFolder: string,
) {
  const before: TrustRoot = loadTrustRoot(`${configFolder}/trust`, deployment.environment)
  const merged = mergeTrust({ before, current, next, replace })
  if ('refusal' in merged) throw new CommandError(`config/trust/${deployment.environment}.json: ${merged.refusal}`)
  return merged
}

function pinnedOf(
  { environment }: Deployment,
  { zone, controlZone, replicas }: Record<'zone' | 'controlZone', HostedZone | undefined> & { replicas: string[] | undefined },
  replace: boolean,
  configFolder: string,
): Pinned {
  const before = loadPinned(`${configFolder}/pinned`, environment)
  const zones = [
    [before.hostedZoneId, zone],
    [before.controlZone?.hostedZoneId, controlZone],
  ] as const
  const [refusal] = zones.flatMap(([known, found]) => (found && zoneRefusal(known, found.id, replace)) ?? [])
  if (refusal !== undefined) throw new CommandError(`config/pinned/${environment}.json: ${refusal}`)
  // Where the table is, is no decision of anybody's: what is there now counts.
  return {
    ...before,
    ...(zone !== undefined && { hostedZoneId: zone.id }),
    // Route 53 gives them in any order: sorted, so that pinning again changes nothing.
    ...(controlZone !== undefined && { controlZone: { hostedZoneId: controlZone.id, nameServers: [...controlZone.nameServers].sort() } }),
    ...(replicas !== undefined && { deployedReplicas: replicas }),
  }
}
