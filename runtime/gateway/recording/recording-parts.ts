import type { DynamoDBClient } from '@aws-sdk/client-dynamodb'
import type { Clock, ObjectArchive } from '../../model/ports.ts'
import { regionalSecret } from '../../state/region-secret.ts'
import { regionReplayClaim } from '../../state/replay-claim.ts'
import { globalReplays } from '../../state/replays.ts'
import type { ActivePolicy } from '../active-policy.ts'
import type { GatewayConfig } from '../config.ts'
import { decidingBundles } from '../explain/deciding-bundle.ts'
import { createExplainer, type Explainer } from '../explain/explainer.ts'
import { findDecision } from '../explain/find-decision.ts'
import { replayOrders } from '../replay/answer-orders.ts'
import { startChild } from '../replay/children.ts'
import type { StoredBundles } from '../stored-bundle.ts'
import { createRecorder, type Recorder } from './recorder.ts'
import { regionRecordings } from './recordings.ts'
import { recordingKeys } from './sealed.ts'

export interface RecordingSurroundings {
  node: string
  dynamodb: DynamoDBClient
  /** The region's bucket of recorded inputs. */
  inputs: ObjectArchive
  bundles: StoredBundles
  active: () => ActivePolicy | undefined
  clock: Clock
  log: (event: object) => void
}

export interface RecordingParts {
  recorder: Recorder
  explainer: Explainer
  /** One look for orders of replays, and the work on one. Never rejects. */
  replay(): Promise<void>
  /** @returns stops, and stores what is recorded */
  start(): () => Promise<void>
}

const STORE_INTERVAL_MS = 2000
const REPLAY_INTERVAL_MS = 2000
/** A process that works on a replay says so every five seconds. */
const CLAIM_STALE_MS = 30_000

/** What is recorded, and what is made of it: replays and explanations, both in the region that owns the recordings. */
export function recordingParts(config: GatewayConfig, around: RecordingSurroundings): RecordingParts {
  const { node, dynamodb, inputs, bundles, active, clock, log } = around
  const { region, zone, regionStateTable, globalTable, inputsRetentionDays: retentionDays, recordPercent: percent } = config
  const keys = recordingKeys([regionalSecret(dynamodb, regionStateTable, 'recording')])
  const recordings = regionRecordings(inputs, clock, retentionDays)
  const recorder = createRecorder({ place: { region, zone }, node, clock, percent, objects: inputs, keys, log })
  const orders = replayOrders({
    region,
    replays: globalReplays(dynamodb, globalTable),
    claim: regionReplayClaim({ client: dynamodb, table: regionStateTable, node, now: clock.now, staleMs: CLAIM_STALE_MS }),
    bundles,
    recordings,
    keys,
    active,
    startChild,
    clock,
    log,
  })
  const explainer = createExplainer({
    region,
    find: (decisionId, atMs) => findDecision(decisionId, atMs, { recorder, recordings, keys, clock }),
    bundleOf: decidingBundles(active, bundles),
    // Twice the interval: one that has just begun to be stored, and the one before it.
    storedAfterS: (2 * STORE_INTERVAL_MS) / 1000,
    retentionDays,
  })
  return {
    recorder,
    explainer,
    replay: orders.look,
    start() {
      const stops = [recorder.start(STORE_INTERVAL_MS), orders.start(REPLAY_INTERVAL_MS)]
      return async () => {
        await Promise.all(stops.map((stop) => stop()))
      }
    },
  }
}
