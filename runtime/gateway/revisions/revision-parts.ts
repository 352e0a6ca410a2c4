import type { DynamoDBClient } from '@aws-sdk/client-dynamodb'
import type { LogIdentity } from '../../evidence/record.ts'
import type { Clock } from '../../model/ports.ts'
import { globalFleet } from '../../state/fleet.ts'
import type { Activation } from '../activation.ts'
import type { ActivePolicy } from '../active-policy.ts'
import type { GatewayConfig } from '../config.ts'
import type { ToolWatch } from '../net/tool-watch.ts'
import { revisionComparison } from './comparison.ts'
import { candidateOf, fleetReportOf, said } from './fleet-report.ts'
import { fleetReporter } from './fleet-reporter.ts'
import { revisionCounter } from './revision-counts.ts'

export interface RevisionSurroundings {
  dynamodb: DynamoDBClient
  active: () => ActivePolicy | undefined
  revisions: Pick<Activation, 'candidate' | 'status' | 'onChange'>
  watch: Pick<ToolWatch, 'drifted'>
  clock: Clock
  identity: Pick<LogIdentity, 'version'>
  /** Name of this process. */
  node: string
  log: (event: object) => void
}

/** What a gateway does about the revisions that it has loaded, beside deciding by them: counts, compares, reports. */
export function revisionParts(config: GatewayConfig, around: RevisionSurroundings) {
  const { active, revisions, watch, clock, identity, node, log } = around
  const { region, zone, environment, ring } = config
  const labels = { id: node, version: identity.version, region, zone, environment }
  const startedMs = clock.now()
  const counter = revisionCounter()
  const comparison = revisionComparison({
    place: { region, zone },
    watch,
    clock,
    current: active,
    candidate: revisions.candidate,
  })

  const compose = () => {
    const status = revisions.status()
    const { stable, candidate, previousRevision } = status
    const loaded = [stable.policy?.revision, candidate?.bundle?.bundle.revision, previousRevision]
    counter.keep(loaded.filter((revision) => revision !== undefined))
    return fleetReportOf({
      labels,
      ring,
      status,
      counts: counter.counts(),
      comparison: comparison.shown(candidate?.named.rollout),
      startedMs,
      nowMs: clock.now(),
    })
  }
  const reporter = fleetReporter({ fleet: globalFleet(around.dynamodb, config.globalTable), compose, log })
  revisions.onChange(reporter.changed)

  /** For operators of the region. */
  const shown = () => {
    const { stable, candidate, candidateFault } = revisions.status()
    const { policy, refusal } = stable
    return {
      active:
        policy === undefined
          ? null
          : { revision: policy.revision, seq: policy.bundleSeq, digest: policy.bundleDigest, directory_seq: policy.directorySeq },
      error: refusal === undefined ? null : said(refusal),
      candidate: candidate === undefined ? null : candidateOf(candidate),
      ...(candidateFault !== undefined && { candidate_error: candidateFault }),
    }
  }

  return { counter, comparison, reporter, shown }
}
