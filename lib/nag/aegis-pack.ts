import type { CfnResource } from 'aws-cdk-lib/core'
import { NagMessageLevel, NagPack } from 'cdk-nag'
import type { Deployment } from '../../config/schema.ts'
import { type Layout, layoutOf } from './layout.ts'
import { readResource } from './resource.ts'
import type { Rule } from './rule.ts'
import { backupStaysInRegion } from './rules/backup-stays-in-region.ts'
import { bucketIsNotReplicated } from './rules/bucket-is-not-replicated.ts'
import { dataStaysInRegion } from './rules/data-stays-in-region.ts'
import { edgeServesDocumentsAlone } from './rules/edge-serves-documents-alone.ts'
import { endpointStaysInRegion } from './rules/endpoint-stays-in-region.ts'
import { experimentHasStopAlarm } from './rules/experiment-has-stop-alarm.ts'
import { exporterStaysInRegion } from './rules/exporter-stays-in-region.ts'
import { keyStaysInRegion } from './rules/key-stays-in-region.ts'
import { noCrossStackToken } from './rules/no-cross-stack-token.ts'
import { noWildcard } from './rules/no-wildcard.ts'
import { recordHasHealthCheck } from './rules/record-has-health-check.ts'
import { recordHasShortTtl } from './rules/record-has-short-ttl.ts'
import { residencyTableHasCustomerKey } from './rules/residency-table-has-customer-key.ts'
import { residencyTableHasNoReplica } from './rules/residency-table-has-no-replica.ts'
import { roleStaysInRegion } from './rules/role-stays-in-region.ts'
import { serviceRollsBack } from './rules/service-rolls-back.ts'
import { tableIsProtected } from './rules/table-is-protected.ts'
import { zoneNameStaysInZone } from './rules/zone-name-stays-in-zone.ts'

/** Every rule, in the order of docs/nag.md. A test compares the list with the folder and with that page. */
export const RULES: readonly Rule[] = [
  residencyTableHasNoReplica,
  residencyTableHasCustomerKey,
  tableIsProtected,
  keyStaysInRegion,
  dataStaysInRegion,
  bucketIsNotReplicated,
  backupStaysInRegion,
  endpointStaysInRegion,
  edgeServesDocumentsAlone,
  exporterStaysInRegion,
  zoneNameStaysInZone,
  recordHasShortTtl,
  recordHasHealthCheck,
  roleStaysInRegion,
  noWildcard,
  noCrossStackToken,
  serviceRollsBack,
  experimentHasStopAlarm,
]

/**
 * What this deployment promises and no general pack can know: above all that residency data stays where it was made. Every finding is an
 * error with an id of its own, so that an acknowledgement accepts one thing in one place.
 */
export class AegisPack extends NagPack {
  readonly name = 'Aegis'
  private readonly layout: Layout

  constructor(deployment: Deployment) {
    // Verbose: what a rule that threw has to say, and why each rule exists, belong in the message.
    super(undefined, { verbose: true })
    this.packName = 'Aegis'
    this.layout = layoutOf(deployment)
  }

  protected override checkResource(node: CfnResource): void {
    const resource = readResource(node)
    for (const { id, info, explanation, check } of RULES) {
      this.applyRule({
        ruleSuffixOverride: id,
        info,
        explanation,
        level: NagMessageLevel.ERROR,
        node,
        rule: () => [...new Set(check(resource, this.layout).map(asId))],
      })
    }
  }
}

/** CDK turns spaces in the id of an acknowledgement into hyphens and refuses brackets that do not match: a finding has neither. */
const asId = (finding: string) => finding.replaceAll(/\s+/g, '-').replaceAll(/[[\](){}]/g, '')
