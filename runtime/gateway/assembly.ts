import { hash } from 'node:crypto'
import type { DynamoDBClient } from '@aws-sdk/client-dynamodb'
import type { KMSClient } from '@aws-sdk/client-kms'
import type { STSClient } from '@aws-sdk/client-sts'
import type { FastifyInstance, FastifyRequest } from 'fastify'
import { createKeeper } from '../budget/keeper.ts'
import { httpRecognizer } from '../dlp/recognizer.ts'
import type { LogIdentity } from '../evidence/record.ts'
import type { Spool } from '../evidence/spool.ts'
import type { DataProtectionKeyOptions } from '../identity/data-protection-signer.ts'
import { tokenVerifier } from '../identity/verify-token.ts'
import { newNode } from '../model/decision-id.ts'
import type { Clock, Dialer, ObjectArchive, Resolver } from '../model/ports.ts'
import { regionalChains } from '../state/chains.ts'
import { globalHeartbeats } from '../state/heartbeats.ts'
import { regionalIdempotency } from '../state/idempotency.ts'
import { globalKills } from '../state/kills.ts'
import { regionalOutcomes } from '../state/outcomes.ts'
import { globalPromotions, regionRows } from '../state/promotions.ts'
import { regionalSecret } from '../state/region-secret.ts'
import { regionalSlices } from '../state/slices.ts'
import { globalVouchers } from '../state/vouchers.ts'
import { decisionTelemetry, regionTelemetry } from '../telemetry/telemetry.ts'
import type { Activation } from './activation.ts'
import type { ActivePolicy } from './active-policy.ts'
import { buildGateway } from './app.ts'
import { approvalParts } from './approvals/approval-parts.ts'
import { createChains } from './chains.ts'
import type { GatewayConfig } from './config.ts'
import { approvalsDoor } from './doors/approvals.ts'
import type { Health } from './doors/health.ts'
import { credentialsOf } from './doors/http-call.ts'
import { outcomeDoor } from './doors/outcome.ts'
import { createEnforcer, type Enforcer } from './enforcer.ts'
import { createIdempotency } from './idempotency.ts'
import { freeWith } from './in-flight.ts'
import { decisionJournal } from './journal.ts'
import { outbound } from './net/outbound.ts'
import { createToolWatch, endpointsHere } from './net/tool-watch.ts'
import { operatorParts } from './operator/operator-parts.ts'
import { createRates } from './rates.ts'
import { recordedEndings } from './recording/recorded-endings.ts'
import { recordingParts } from './recording/recording-parts.ts'
import { createHomes, type Homes } from './region/homes.ts'
import { createKillSwitches } from './region/kill-switches.ts'
import { revisionParts } from './revisions/revision-parts.ts'
import type { Services } from './services.ts'
import type { StoredBundles } from './stored-bundle.ts'
import { tokenParts } from './token-parts.ts'

/** What a gateway is made of besides its configuration: AWS of its own region, a disk, the network, and what it believes in. */
export interface Surroundings {
  dynamodb: DynamoDBClient
  kms: KMSClient
  sts: STSClient
  /** Signs as a role that STS gave. Default: by the environment. */
  kmsAs?: DataProtectionKeyOptions['kmsAs']
  spool: Spool
  /** What has been published to this region, and the key that it is believed by. */
  bundles: StoredBundles
  /** The region's bucket of recorded inputs. */
  inputs: ObjectArchive
  resolver: Resolver
  dialer: Dialer
  clock: Clock
  /** The verified policy and directory in force. */
  active: () => ActivePolicy | undefined
  /** What is loaded beside it, and what became of everything that was named. */
  revisions: Pick<Activation, 'candidate' | 'status' | 'onChange'>
  identity: LogIdentity
  log: (event: object) => void
}

export interface Assembly {
  enforcer: Enforcer
  /** For agents. */
  app: FastifyInstance
  /** For operators, on its own port. */
  operator: FastifyInstance
  health: Health & { leave(): void }
  /** Starts everything that looks, beats and renews. @returns stops it, and gives back what is left of the leases */
  start(): () => Promise<void>
  /** One round of all of it: what a test waits for instead of a clock. */
  settle(): Promise<void>
  /** What was decided so far is stored, and one order of a replay is worked on if there is one. */
  replay(): Promise<void>
}

/** What a gateway that has just started may not know yet. */
export interface Known {
  /** Whether every tenant whose active region this is can be served. */
  regionBound: () => 'ready' | 'starting'
  killsKnown: () => boolean
}

/** How often the region's own tables and its replica are looked at. */
const LOOK_INTERVAL_MS = 1000
const TOOL_WATCH_INTERVAL_MS = 10_000
const TOKEN_KEY_INTERVAL_MS = 60_000

/** Wires one gateway. Nothing here decides; nothing elsewhere knows how the parts are made. */
export function assemble(config: GatewayConfig, around: Surroundings, healthOf: (of: Known) => Health & { leave(): void }): Assembly {
  const { dynamodb, spool, resolver, dialer, clock, active, revisions, identity, log } = around
  const place = { region: config.region, zone: config.zone }
  const node = newNode()
  const telemetry = decisionTelemetry(config.region)
  const recording = recordingParts(config, { ...around, node })
  const journal = recordedEndings(decisionJournal({ identity, spool, telemetry, clock }), recording.recorder)
  const world = outbound({ resolver, dialer })
  const regionUrl = (region: string) =>
    region === config.region ? config.regionUrl : [...(active()?.issuers.values() ?? [])].find((issuer) => issuer.region === region)?.iss

  const kills = createKillSwitches({
    region: config.region,
    store: globalKills(dynamodb, config.globalTable),
    clock,
    lifted: () => active()?.lifted,
    log,
  })
  const homes = createHomes({
    place,
    clock,
    active,
    rows: regionRows(dynamodb, config.regionStateTable),
    promotions: globalPromotions(dynamodb, config.globalTable, config.zone),
    heartbeats: globalHeartbeats(dynamodb, config.globalTable),
    log,
  })
  const budgets = createKeeper({
    region: config.region,
    node,
    slices: regionalSlices(dynamodb, config.slicesTable),
    vouchers: globalVouchers(dynamodb, config.globalTable),
    outcomes: regionalOutcomes(dynamodb, config.slicesTable),
    clock,
    directory: active,
    log,
  })
  regionTelemetry({ droppedRecordings: () => recording.recorder.counts().dropped, budgets: budgets.status })
  const watch = createToolWatch({
    tools: () => active()?.tools ?? new Map(),
    endpointsOf: (tool) => endpointsHere(tool, place, active()?.zones ?? {}),
    resolver,
    dialer,
    clock,
    log,
  })
  const { counter, comparison, reporter, shown } = revisionParts(config, { ...around, node, watch })
  const approvals = approvalParts(config, { ...around, regionUrl, events: journal, send: world.send })
  const services: Services = {
    place,
    clock,
    resolver,
    kills,
    homes,
    chains: createChains({
      region: config.region,
      repo: regionalChains(dynamodb, config.chainsTable),
      secret: regionalSecret(dynamodb, config.regionStateTable, 'chain'),
      clock,
    }),
    budgets,
    rates: createRates(clock),
    desk: approvals.desk,
    idempotency: createIdempotency({ repo: regionalIdempotency(dynamodb, config.idempotencyTable), clock, region: config.region }),
    watch,
    exports: approvals.exports,
    telemetry,
    // Whatever text the secret is, the key has 256 bits.
    pseudonymKey: hash('sha256', config.pseudonymSecret, 'buffer'),
    recognizer: recognizerOf(config, { resolver, dialer }),
    watchers: [comparison, recording.recorder],
  }
  const { zoneUrl, globalUrl, zone } = config
  const enforcer = createEnforcer({
    node,
    services,
    active,
    candidate: revisions.candidate,
    counter,
    verifier: tokenVerifier({ zone, regionUrl: config.regionUrl, zoneUrl, globalUrl, clock }),
    journal,
    telemetry,
    clock,
    // Half of all: with one tenant gone wild the others still have room.
    maxPerTenant: Math.max(1, Math.floor(config.maxInFlight / 2)),
  })
  /** For what is no call: it takes one of the tenant's places as well. */
  const admit = async (request: FastifyRequest) => {
    const identified = await enforcer.identify(credentialsOf(request))
    freeWith(request, enforcer.enter(identified.principal.tenant))
    return identified
  }
  const tokens = tokenParts(config, { kms: around.kms, active, clock, kills, events: journal, log })
  const health = healthOf({
    regionBound: () => (isSettled(active(), homes, config.region) ? 'ready' : 'starting'),
    killsKnown: kills.known,
  })
  const app = buildGateway({
    region: config.region,
    version: identity.version,
    enforcer,
    dialer,
    health,
    besides: [
      tokens.door,
      outcomeDoor({ admit, budgets, events: journal }),
      approvalsDoor({
        region: config.region,
        approvals: approvals.agents,
        admit: async (request) => (await admit(request)).principal,
        events: journal,
      }),
    ],
    mtlsHeader: config.mtlsHeader,
    maxInFlight: config.maxInFlight,
  })
  const operator = operatorParts(config, {
    version: identity.version,
    review: approvals.review,
    kills,
    homes,
    budgets,
    watch,
    telemetry,
    events: journal,
    fetchJson: world.fetchJson,
    active,
    clock,
    notices: approvals.notices,
    revisions: shown,
    explainer: recording.explainer,
    recorded: recording.recorder.counts,
  })

  return {
    enforcer,
    app,
    operator,
    health,
    start() {
      const stops = [
        kills.start(LOOK_INTERVAL_MS),
        homes.start(LOOK_INTERVAL_MS),
        budgets.start(LOOK_INTERVAL_MS),
        watch.start(TOOL_WATCH_INTERVAL_MS),
        tokens.start(TOKEN_KEY_INTERVAL_MS),
        reporter.start(),
        recording.start(),
      ]
      return async () => {
        await Promise.all(stops.map((stop) => stop()))
        await approvals.close()
      }
    },
    async settle() {
      await Promise.all([kills.refresh(), homes.refresh(), budgets.tick(), tokens.refresh()])
    },
    async replay() {
      await recording.recorder.flush()
      await recording.replay()
    },
  }
}

/** Every tenant whose active region this is can be served. */
function isSettled(policy: ActivePolicy | undefined, homes: Pick<Homes, 'activeRegion' | 'mayServe'>, region: string): boolean {
  const here = [...(policy?.tenants.values() ?? [])].filter((tenant) => homes.activeRegion(tenant) === region)
  return policy !== undefined && here.every((tenant) => homes.mayServe(tenant).ok)
}

function recognizerOf({ nerUrl }: GatewayConfig, network: { resolver: Resolver; dialer: Dialer }): Services['recognizer'] {
  if (nerUrl === undefined) return undefined
  const url = new URL(nerUrl)
  return (classes) => httpRecognizer({ url, classes, ...network })
}
